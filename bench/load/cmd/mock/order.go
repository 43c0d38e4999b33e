package main

import (
	"bytes"
	"strconv"
)

// order is what a call asks of the mock, written into its prompt as
//
//	[[mock delay=20 tokens=200 gap=20 fault=fin]]
type order struct {
	delay  int64 // nanoseconds before a plain answer
	tokens int
	gap    int64 // nanoseconds between tokens, and before the first; none: all at once
	fault  string
}

var opening, closing = []byte("[[mock "), []byte("]]")

// readOrder never fails: what it does not understand is not asked for.
func readOrder(body []byte) order {
	asked := order{tokens: 20}
	_, body, found := bytes.Cut(body, opening)
	if !found {
		return asked
	}
	text, _, _ := bytes.Cut(body, closing)
	for _, word := range bytes.Fields(text) {
		name, value, _ := bytes.Cut(word, []byte("="))
		number, _ := strconv.ParseFloat(string(value), 64)
		switch string(name) {
		case "delay":
			asked.delay = int64(number * 1e6)
		case "tokens":
			asked.tokens = int(number)
		case "gap":
			asked.gap = int64(number * 1e6)
		case "fault":
			asked.fault = string(value)
		}
	}
	return asked
}
