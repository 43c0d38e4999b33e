package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// settings say whom to call, how often and with what.
type settings struct {
	url         *url.URL
	address     syscall.SockaddrInet4
	headers     []string
	connections int
	calls       int
	seconds     float64
	drain       float64
	timeout     float64
	ramp        float64
	rate        float64
	stream      bool
	model       string
	models      int
	order       string
	bytes       int
}

func (s *settings) parse(flags *flag.FlagSet, arguments []string) error {
	address := flags.String("url", "", "where to call; a loopback address and a port")
	flags.Func("header", "a header of each call; may be repeated, MODEL in it stands for the model", func(text string) error {
		s.headers = append(s.headers, text)
		return nil
	})
	flags.IntVar(&s.connections, "connections", 64, "connections, each with one call at a time")
	flags.IntVar(&s.calls, "calls", 0, "stop after so many calls; 0: after -seconds only")
	flags.Float64Var(&s.seconds, "seconds", 5, "begin calls for so long")
	flags.Float64Var(&s.drain, "drain", 30, "then wait so long for those under way")
	flags.Float64Var(&s.timeout, "timeout", 60, "seconds after which a call has failed")
	flags.Float64Var(&s.ramp, "ramp", 0, "seconds over which the connections begin")
	flags.Float64Var(&s.rate, "rate", 0, "calls a second, in an open loop; 0: a closed loop")
	flags.BoolVar(&s.stream, "stream", false, "ask for streams")
	flags.StringVar(&s.model, "model", "mock", "the model to name")
	flags.IntVar(&s.models, "models", 1, "call so many models in turn, called MODEL0, MODEL1, …")
	flags.StringVar(&s.order, "order", "", "what the mock shall do, such as 'tokens=200 gap=20'")
	flags.IntVar(&s.bytes, "bytes", 300, "the size of the prompt")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	var err error
	if s.url, err = url.Parse(*address); err != nil {
		return err
	}
	at, err := netip.ParseAddrPort(s.url.Host)
	if err != nil || !at.Addr().Is4() || !at.Addr().IsLoopback() {
		return errors.New("-url must name a loopback address and a port, such as http://127.0.0.1:8080/v1/chat/completions")
	}
	s.address = syscall.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}
	return nil
}

// render writes the calls out once: sending one costs no more than its bytes.
func (s *settings) render() [][]byte {
	var calls [][]byte
	for number := range s.models {
		model := s.model
		if s.models > 1 {
			model = fmt.Sprint(s.model, number)
		}
		body := s.body(model)
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: */*\r\n"+
			"Content-Length: %d\r\n", s.url.RequestURI(), s.url.Host, len(body))
		for _, header := range s.headers {
			head += strings.ReplaceAll(header, "MODEL", model) + "\r\n"
		}
		calls = append(calls, append([]byte(head+"\r\n"), body...))
	}
	return calls
}

func (s *settings) body(model string) []byte {
	const sentence = "Explain in plain words how a load balancer works. "
	prompt := sentence
	if s.order != "" {
		prompt = "[[mock " + s.order + "]] " + sentence
	}
	if missing := s.bytes - len(prompt); missing > 0 {
		prompt += strings.Repeat(sentence, missing/len(sentence)+1)[:missing]
	}
	call := struct {
		Model       string              `json:"model"`
		Messages    []map[string]string `json:"messages"`
		Temperature float64             `json:"temperature"`
		MaxTokens   int                 `json:"max_tokens"`
		Stream      bool                `json:"stream,omitempty"`
	}{model, []map[string]string{{"role": "user", "content": prompt}}, .7, 1024, s.stream}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(call); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(text.Bytes())
}
