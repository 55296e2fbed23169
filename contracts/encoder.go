package contracts

import (
	"bytes"
	"encoding/json"
	"sync"
)

// encoder writes JSON without HTML escapes. Encoders are pooled because one frame is encoded for each message: a new
// encoder would grow its buffer several times, and copy the text each time.
type encoder struct {
	out  bytes.Buffer
	json *json.Encoder
}

// keptBytes is the largest buffer that goes back to the pool: a larger one would stay allocated because of one frame.
const keptBytes = 64 << 10

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.json = json.NewEncoder(&e.out)
	e.json.SetEscapeHTML(false)
	return e
}}

// newEncoder returns an empty encoder; the caller calls free once it has copied the text.
func newEncoder() *encoder {
	e := encoders.Get().(*encoder) //nolint:forcetypeassert // nothing else is put there
	e.out.Reset()
	return e
}

func (e *encoder) free() {
	if e.out.Cap() <= keptBytes {
		encoders.Put(e)
	}
}

// add appends the JSON of v, without the newline that json.Encoder writes behind it.
func (e *encoder) add(v any) error {
	if err := e.json.Encode(v); err != nil {
		return err
	}
	e.out.Truncate(e.out.Len() - 1)
	return nil
}
