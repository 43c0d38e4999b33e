package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// plainAnswer is the whole answer to a call that is not streamed: about 1 KiB, as a short real one.
func plainAnswer(role string) []byte {
	text := "served-by=" + role + " " + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 15)
	return jsonAnswer(200, json.RawMessage(`{"id":"chatcmpl-mock","object":"chat.completion","created":1760000000,`+
		`"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":"`+text+`","refusal":null},`+
		`"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":25,"completion_tokens":150,`+
		`"total_tokens":175,"prompt_tokens_details":{"cached_tokens":0}},"system_fingerprint":"fp_mock"}`))
}

func refusal(status string) []byte {
	code, _ := strconv.Atoi(status)
	kind := "server_error"
	headers := ""
	if code == 429 {
		kind, headers = "rate_limit_error", "Retry-After: 30\r\n"
	}
	error := map[string]string{"message": "mock " + status, "type": kind, "code": status}
	return jsonAnswer(code, map[string]any{"error": error}, headers)
}

func usageEvent(tokens int) []byte {
	return fmt.Appendf(nil, eventHead+`],"usage":{"prompt_tokens":25,"completion_tokens":%d,"total_tokens":%d}}`+"\n\n",
		tokens, tokens+25)
}

func jsonAnswer(status int, value any, headers ...string) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, "HTTP/1.1 %d Mock\r\nContent-Type: application/json\r\nx-request-id: req_mock\r\n%s"+
		"Content-Length: %d\r\n\r\n%s", status, strings.Join(headers, ""), len(body), body)
}

// chunk frames bytes as one chunk of a chunked body.
func chunk(data []byte) []byte {
	framed := make([]byte, 0, len(data)+12)
	framed = strconv.AppendInt(framed, int64(len(data)), 16)
	framed = append(framed, "\r\n"...)
	framed = append(framed, data...)
	return append(framed, "\r\n"...)
}
