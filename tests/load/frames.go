package load

import (
	"bytes"
	"errors"
	"io"

	"github.com/gorilla/websocket"
)

var (
	tempID  = []byte(`"tempMessageId":"n`)
	storedT = []byte(`{"type":"message-stored"`)
	pushT   = []byte(`{"type":"new-message"`)
	ackT    = []byte(`{"type":"message-ack"`)
	convKey = []byte(`"conversationId":"`)
	fromKey = []byte(`"senderId":"`)
	seqKey  = []byte(`"seqId":`)
	timeKey = []byte(`"timestamp":`)
	hintT   = []byte(`{"type":"sync-hint"`)
)

// valueOf returns the string value after a key.
func valueOf(frame, key []byte) []byte {
	_, rest, _ := bytes.Cut(frame, key)
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return value
}

// read reads one frame into buf; a frame that does not fit is an error.
func read(c *websocket.Conn, buf []byte) ([]byte, error) {
	_, r, err := c.NextReader()
	if err != nil {
		return nil, err
	}
	for n := 0; ; {
		if n == len(buf) {
			return nil, errors.New("a frame is larger than expected")
		}
		m, err := r.Read(buf[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return buf[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// numberAfter returns the number after a key; 0: there is none. The generator counts from 1.
func numberAfter(frame, key []byte) (n int) {
	i := bytes.Index(frame, key)
	if i < 0 {
		return 0
	}
	for _, c := range frame[i+len(key):] {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// refused reports whether a frame is message-rejected or error.
func refused(frame []byte) bool {
	return bytes.HasPrefix(frame, []byte(`{"type":"message-rejected"`)) || bytes.HasPrefix(frame, []byte(`{"type":"error"`))
}
