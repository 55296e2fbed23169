package search

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func setOf(texts ...string) []byte {
	var b Builder
	for _, t := range texts {
		b.Add(Fold(t))
	}
	return b.Take()
}

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Hello, World": "hello, world", "ÉCOLE": "école", "E\u0301COLE": "école", "ﬁx ①": "fix 1", "STRASSE": "strasse", "Straße": "strasse",
		"ΣΊΣΥΦΟΣ": "σίσυφοσ", "日本語": "日本語", "ｱﾆﾒ": "アニメ", "👍🏽": "👍🏽", "": "", "K": "k", "ＡＢＣ": "abc",
	} {
		assert.Equal(t, want, Fold(in), "%q", in)
	}
}

// TestLoose: what people mean to be the same is the same when it is compared.
func TestLoose(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"don’t": "don't", "don´t": "don't", "DONʼT `x`": "don't 'x'", "a \t\n b\u00A0c\u3000d\u2028e": "a b c d e",
		"İSTANBUL": "istanbul", "I\u0307stanbul": "istanbul", "ısparta": "isparta", "ISPARTA": "isparta", "ÉCOLE": "école", "": "", "abc": "abc",
	} {
		assert.Equal(t, want, Loose(in), "%q", in)
		assert.Equal(t, want, Loose(Loose(in)), "%q", in)
	}
}

// TestLooseQueriesAreFoundInTheIndex: the index has n-grams of texts that are folded and not loose, so
// that a query must not look up an n-gram that the index has in another form.
func TestLooseQueriesAreFoundInTheIndex(t *testing.T) {
	t.Parallel()
	texts := []string{
		"I don’t know", "we don´t,  you\tdon't", "İstanbul'da", "I\u0307zmir iyi", "ısparta", "bit by bi\u0307t", "first line\n\nsecond  line", "今日は晴れ", "🙂🙃", "hi",
	}
	for _, text := range texts {
		set, loose := setOf(text), []rune(Loose(text))
		for i := range loose {
			for j := i + 1; j <= len(loose); j++ {
				part := string(loose[i:j])
				assert.True(t, NewQuery(part).MayBeIn(set), "%q of %q", part, text)
				assert.True(t, NewQuery(strings.ToUpper(part)).MayBeIn(set) || Loose(strings.ToUpper(part)) != part, "%q of %q", part, text)
			}
		}
	}
	set := setOf(texts...)
	for _, q := range []string{"istanbus", "hit", "do not", "lines", "kx", "晴天"} {
		assert.False(t, NewQuery(q).MayBeIn(set), q)
	}
}

// TestQueriesFindTheirText: for every part of a text MayBeIn is true of its block, and for texts
// that are not in the block it is nearly always false.
func TestQueriesFindTheirText(t *testing.T) {
	t.Parallel()
	texts := []string{"The quick brown fox", "日本語のテキスト", "a", "🙂🙃", "e\u0301toile", `"quoted" AND (x OR y) NOT z*`}
	set := setOf(texts...)
	for _, text := range texts {
		runes := []rune(text)
		for i := range runes {
			for j := i + 2; j <= len(runes); j++ {
				part := string(runes[i:j])
				if strings.Contains(Fold(text), Fold(part)) {
					assert.True(t, NewQuery(part).MayBeIn(set), "%q of %q", part, text)
				}
			}
		}
	}
	for _, q := range []string{"quack", "本日", "xyzzy", "🙃🙂", "foxes", "the slow"} {
		assert.False(t, NewQuery(q).MayBeIn(set), q)
	}
	assert.False(t, NewQuery("ab").MayBeIn(nil))
	assert.False(t, NewQuery("ab").MayBeIn(setOf("a", "b")), "messages do not run into each other")
}

func TestSetsThatAreTooLargeHaveEverything(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for range 3 * maxHashes {
		text.WriteRune(rune(0x4e00 + rand.IntN(20_000))) //nolint:gosec // any text
	}
	all := setOf(text.String())
	assert.Len(t, all, 1)
	for _, set := range [][]byte{all, Union(all, setOf("ab")), Union(setOf("ab"), all), Union(setOf("abc"), []byte{9, 1, 2})} {
		assert.True(t, NewQuery("anything").MayBeIn(set))
	}
}

func TestUnionIsOfBoth(t *testing.T) {
	t.Parallel()
	a, b := setOf("the quick brown fox"), setOf("jumps over", "the lazy dog")
	assert.Equal(t, setOf("the quick brown fox", "jumps over", "the lazy dog"), Union(a, b))
	assert.Equal(t, Union(a, b), Union(b, a))
	assert.Equal(t, a, Union(a, a))
	assert.Equal(t, a, Union(a, nil))
	assert.Equal(t, a, Union(nil, a))
}

// FuzzText: a text is found by each of its parts, as it is folded and not.
func FuzzText(f *testing.F) {
	f.Add("The quick brown fox", uint(4), uint(9))
	f.Add("ÉCOLE e\u0301 ﬁ 日本 👍🏽 ß", uint(0), uint(40))
	f.Fuzz(func(t *testing.T, text string, from, to uint) {
		folded := Fold(text)
		set := setOf("something else", text)
		runes := []rune(folded)
		if len(runes) == 0 {
			return
		}
		a, b := int(from%uint(len(runes))), int(to%uint(len(runes)))
		part := string(runes[min(a, b) : max(a, b)+1])
		q := NewQuery(part)
		if Fold(part) == part && !q.MayBeIn(set) {
			t.Errorf("%q is not found in %q", part, text)
		}
	})
}

// FuzzSets: no bytes break a set, and a union loses nothing that was understood.
func FuzzSets(f *testing.F) {
	f.Add(setOf("hello"), setOf("world"))
	f.Add([]byte{1, 0xff, 0xff, 0xff}, []byte{2})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		q := NewQuery("hello")
		u := Union(a, b)
		if (q.MayBeIn(a) || q.MayBeIn(b)) && !q.MayBeIn(u) {
			t.Errorf("%v and %v make %v", a, b, u)
		}
	})
}

func BenchmarkBlock(b *testing.B) {
	texts := make([]string, 11)
	for i := range texts {
		texts[i] = Words(rand.New(rand.NewPCG(1, uint64(i))), 128) //nolint:gosec // any text
	}
	old := setOf(texts...)
	b.ReportAllocs()
	for b.Loop() {
		_ = Union(old, setOf(texts...))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(texts)), "ns/message")
}

// Words makes a text of made-up words of which few are common.
func Words(r *rand.Rand, length int) string {
	const letters = "eeeeeetttttaaaaooooiiinnnssshhrrddlucmfwypvbgkjqxz"
	var s strings.Builder
	for s.Len() < length {
		word := rand.New(rand.NewPCG(7, uint64(2000*r.Float64()*r.Float64()*r.Float64()))) //nolint:gosec // any text
		for range 2 + word.IntN(8) {
			s.WriteByte(letters[word.IntN(len(letters))])
		}
		s.WriteByte(' ')
	}
	return s.String()[:length]
}
