// Package stats keeps durations so that quantiles can be read off them, at a fixed cost for each.
package stats

import (
	"math"
	"math/bits"
)

const perOctave = 64 // so a quantile is exact to 1/64

// Histogram counts durations in nanoseconds. The zero value is empty.
type Histogram struct {
	counts [58 * perOctave]uint64
	total  uint64
	most   int64
}

// Add counts one duration; what is negative counts as none.
func (h *Histogram) Add(nanoseconds int64) {
	nanoseconds = max(nanoseconds, 0)
	h.counts[slot(nanoseconds)]++
	h.total++
	h.most = max(h.most, nanoseconds)
}

// Summary gives the quantiles of interest, in milliseconds.
func (h *Histogram) Summary() map[string]float64 {
	return map[string]float64{"n": float64(h.total), "p50": h.quantile(.5), "p99": h.quantile(.99), "max": float64(h.most) / 1e6}
}

func (h *Histogram) quantile(share float64) float64 {
	wanted := uint64(math.Ceil(share * float64(h.total)))
	var seen uint64
	for place, count := range h.counts {
		if seen += count; seen >= wanted && seen > 0 {
			return math.Min(middle(place), float64(h.most)) / 1e6
		}
	}
	return 0
}

// slot gives values below perOctave a place each, and every octave above them perOctave places.
func slot(value int64) int {
	if value < perOctave {
		return int(value)
	}
	octave := bits.Len64(uint64(value)) - 7
	return (octave+1)*perOctave + int(value>>octave) - perOctave
}

func middle(place int) float64 {
	if place < perOctave {
		return float64(place)
	}
	octave := place/perOctave - 1
	return math.Ldexp(float64(perOctave+place%perOctave)+.5, octave)
}
