package vectors

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	return v
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{`{"a":1}`, `{"a":1,"b":2}`, true},
		{`{"a":1}`, `{"a":2}`, false},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`{"a":1}`, `{}`, false},
		{`{"a":null}`, `{}`, false},
		{`{"a":{"$absent":true}}`, `{}`, true},
		{`{"a":{"$absent":true}}`, `{"a":null}`, false},
		{`{"a":{"$any":true}}`, `{"a":null}`, true},
		{`{"a":{"$any":true}}`, `{}`, false},
		{`{"$regex":"^a+$"}`, `"aaa"`, true},
		{`{"$regex":"^a+$"}`, `"aab"`, false},
		{`{"$regex":"1"}`, `1`, false},
		{`{"$number":{"min":1,"max":2}}`, `2`, true},
		{`{"$number":{"min":1,"max":2}}`, `3`, false},
		{`{"$number":{}}`, `"3"`, false},
		{`{"$json":{"event":"x"}}`, `"{\"event\":\"x\",\"n\":1}"`, true},
		{`{"$json":{"event":"x"}}`, `"{\"event\":\"y\"}"`, false},
		{`{"$json":{"event":"x"}}`, `"x"`, false},
		{`{"$not":"a"}`, `"b"`, true},
		{`{"$not":"a"}`, `"a"`, false},
		{`[1,2]`, `[1,2]`, true},
		{`[1,2]`, `[1,2,3]`, false},
		{`[1,2]`, `[2,1]`, false},
		{`[]`, `null`, false},
		{`{"$length":2}`, `[1,2]`, true},
		{`{"$length":2}`, `[1]`, false},
		{`{"$unordered":[2,1]}`, `[1,2]`, true},
		{`{"$unordered":[1,1]}`, `[1,2]`, false},
		{`{"$contains":[{"a":1}]}`, `[{"a":2},{"a":1}]`, true},
		{`{"$contains":[{"a":1},{"a":1}]}`, `[{"a":2},{"a":1}]`, false},
		{`{"$without":{"a":1}}`, `[{"a":2}]`, true},
		{`{"$without":{"a":1}}`, `[{"a":1}]`, false},
		{`{"$nonsense":1}`, `[]`, false},
	} {
		assert.Equal(t, c.ok, match(parse(t, c.want), parse(t, c.got)) == nil, "%s of %s: %v", c.want, c.got, match(parse(t, c.want), parse(t, c.got)))
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	v := vars{"alice.userId": "7", "n": 3.0}
	for text, want := range map[string]string{
		`{"${alice.userId}":"${n}","t":"n=${n}"}`:               `{"7":3,"t":"n=3"}`,
		`[{"$repeat":"ab","times":3}]`:                          `["ababab"]`,
		`{"$list":"${alice.userId}","times":2}`:                 `["7","7"]`,
		`{"$text":{"event":"x","userIds":["${alice.userId}"]}}`: `"{\"event\":\"x\",\"userIds\":[\"7\"]}"`,
	} {
		got, err := v.expand(parse(t, text))
		require.NoError(t, err)
		assert.Equal(t, parse(t, want), got, text)
	}
	_, err := v.expand("${nobody.userId}")
	require.Error(t, err)
}

func TestCapture(t *testing.T) {
	t.Parallel()
	v := vars{}
	require.NoError(t, v.capture(map[string]string{"x": "/a/1/b"}, parse(t, `{"a":[0,{"b":"c"}]}`)))
	assert.Equal(t, "c", v["x"])
	require.Error(t, v.capture(map[string]string{"x": "/a/2"}, parse(t, `{"a":[]}`)))
}
