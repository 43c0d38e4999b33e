package main

import (
	"fmt"

	"fairlead.dev/bench/load/internal/epoll"
	"fairlead.dev/bench/load/internal/stats"
)

// tally is everything that is counted, from begin to the last answer.
type tally struct {
	began, ended int64
	cpu          float64
	good         int
	inTime       int // good, and ended before no more calls began
	tokens       int
	resent       int
	over2s       int
	failures     map[string]int
	statuses     map[int]int
	endings      map[string]int
	served       map[string]*span
	latencies    stats.Histogram
	firsts       stats.Histogram // from a call to its first token
	delays       stats.Histogram // of a token on its way
}

// span is who answered how many calls, from when to when (CLOCK_MONOTONIC).
type span struct {
	Calls int     `json:"calls"`
	First float64 `json:"first"`
	Last  float64 `json:"last"`
}

const slow = int64(2e9)

func (t *tally) begin(now int64) {
	t.began, t.cpu = now, ownCPU()
	t.failures, t.statuses = map[string]int{}, map[int]int{}
	t.endings, t.served = map[string]int{}, map[string]*span{}
}

func (t *tally) fail(why string) { t.failures[why]++ }

func (t *tally) token(delay int64) {
	t.tokens++
	t.delays.Add(delay)
}

// note books how a call has ended; whole: its answer has come to its end.
func (t *tally) note(c *client, whole bool) {
	now, a := epoll.Now(), &c.answer
	latency := now - c.due
	if latency > slow {
		t.over2s++
	}
	if a.streamed {
		t.endings[fmt.Sprintf("tokens=%d errors=%d done=%t whole=%t", a.tokens, a.errors, a.done, whole)]++
	}
	if !whole {
		return
	}
	t.statuses[a.status]++
	switch {
	case a.status != 200:
		t.fail(fmt.Sprintf("status %d", a.status))
		return
	case a.errors > 0:
		t.fail("error event")
		return
	case a.streamed && !a.done:
		t.fail("no end")
		return
	}
	t.good++
	if now <= c.generator.endAt {
		t.inTime++
	}
	t.latencies.Add(latency)
	by := a.provider()
	if t.served[by] == nil {
		t.served[by] = &span{First: float64(now) / 1e9}
	}
	t.served[by].Calls++
	t.served[by].Last = float64(now) / 1e9
}

func (t *tally) report(g *generator) map[string]any {
	failed := 0
	for _, count := range t.failures {
		failed += count
	}
	return map[string]any{
		"seconds": float64(t.ended-t.began) / 1e9, "begun": g.begun, "good": t.good, "failed": failed,
		"failures": t.failures, "statuses": t.statuses, "endings": t.endings, "served": t.served, "resent": t.resent,
		"perSecond": float64(t.inTime) * 1e9 / float64(max(min(t.ended, g.endAt)-t.began, 1)), "late": len(g.late), "over2s": t.over2s, "tokens": t.tokens, "cpuSeconds": ownCPU() - t.cpu,
		"latency": t.latencies.Summary(), "ttft": t.firsts.Summary(), "delay": t.delays.Summary(),
	}
}
