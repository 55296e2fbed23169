package contracts

import (
	"bytes"
	"encoding/json"
	"sync"
)

// encoder writes JSON that is not escaped for HTML. Encoders are kept for reuse, since a frame
// is encoded for each message: with a new one each time the buffer grows several times, and the
// text is copied each time.
type encoder struct {
	out  bytes.Buffer
	json *json.Encoder
}

// keptBytes is the largest buffer that is kept; a larger one would stay for one frame's sake.
const keptBytes = 64 << 10

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.json = json.NewEncoder(&e.out)
	e.json.SetEscapeHTML(false)
	return e
}}

// newEncoder returns an empty encoder; call free when its text was copied.
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

// add appends v without a line's end.
func (e *encoder) add(v any) error {
	if err := e.json.Encode(v); err != nil {
		return err
	}
	e.out.Truncate(e.out.Len() - 1)
	return nil
}
