package stats

import "testing"

func TestQuantilesAreWithinASixtyFourth(t *testing.T) {
	var h Histogram
	for value := int64(1); value <= 1_000_000; value += 7 {
		h.Add(value)
	}
	for name, want := range map[string]float64{"p50": .5, "p99": .99, "max": 1} {
		if got := h.Summary()[name]; got < want*63/64 || got > want*65/64 {
			t.Errorf("%s is %v, not about %v", name, got, want)
		}
	}
}

func TestEveryDurationHasAPlace(t *testing.T) {
	var h Histogram
	for shift := range 63 {
		h.Add(1 << shift)
		h.Add(1<<shift - 1)
	}
}
