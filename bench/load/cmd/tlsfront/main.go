// tlsfront puts TLS before the mock, as every real provider has it: it listens on a free port of 127.0.0.1, prints the
// port, and passes bytes on in both directions.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	certificate := flag.String("certificate", "", "PEM file")
	key := flag.String("key", "", "PEM file")
	to := flag.String("to", "", "address of the mock")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlsfront:", err)
		os.Exit(2)
	}
	settings := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	listener, err := tls.Listen("tcp4", "127.0.0.1:0", settings)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlsfront:", err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		gateway, err := listener.Accept()
		if err != nil {
			return
		}
		go front(gateway, *to)
	}
}

func front(gateway net.Conn, address string) {
	defer gateway.Close()
	mock, err := net.Dial("tcp4", address)
	if err != nil {
		return
	}
	defer mock.Close()
	go func() {
		io.Copy(mock, gateway)
		mock.Close() // the gateway has left: so does its call
	}()
	io.Copy(gateway, mock)
}
