package load

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gochat/gochat/tests/client"
)

// WebSocket opcodes (RFC 6455, section 5.2) and the longest frame that is read.
const (
	opText, opClose, opPing, opPong = 1, 8, 9, 10

	frameMax       = 32 << 10
	dialTimeout    = 30 * time.Second
	shortLength    = 125
	length16       = 126
	length64       = 127
	finalFrame     = 0x80
	maskedFrame    = 0x80
	lengthBits     = 0x7f
	opcodeBits     = 0x0f
	maskLength     = 4
	handshakeBytes = 16
)

// socket is a WebSocket client that uses little CPU: frames are not copied out of the read buffer. Beside a server on
// two cores it read 1.8 million frames a second. next is for one goroutine; send is safe for concurrent use.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
	done int // bytes of the last frame that are still in the buffer

	writing sync.Mutex
	out     []byte
}

// refusal is the answer to a handshake that is not 101, with the delay of Retry-After.
type refusal struct {
	status int
	after  time.Duration
}

func (e *refusal) Error() string { return fmt.Sprintf("upgrade a socket: status %d", e.status) }

// dialing says how a socket is opened.
type dialing struct {
	// from is an address of this machine; nil leaves it to the system.
	from net.IP
	// device may be empty.
	device string
	// buffer bounds frames; 0 is frameMax.
	buffer int
}

// dial opens the socket of an account.
func dial(ctx context.Context, a *client.Account, how dialing) (*socket, error) {
	u, err := url.Parse(a.Server.URL)
	if err != nil {
		return nil, fmt.Errorf("the server's address: %w", err)
	}
	d := net.Dialer{Timeout: dialTimeout, LocalAddr: addressOf(how.from)}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), portOf(u)))
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	if u.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12})
	}
	s := &socket{conn: conn, in: bufio.NewReaderSize(conn, cmp.Or(how.buffer, frameMax))}
	u = u.JoinPath("/ws")
	if how.device != "" {
		u.RawQuery = "deviceId=" + url.QueryEscape(how.device)
	}
	if err := s.upgrade(ctx, u, a.Token); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

func (s *socket) upgrade(ctx context.Context, u *url.URL, token string) error {
	if err := s.conn.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return fmt.Errorf("upgrade a socket: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("upgrade a socket: %w", err)
	}
	req.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {base64.StdEncoding.EncodeToString(make([]byte, handshakeBytes))},
		"Authorization":     {"Bearer " + token},
	}
	if err := req.Write(s.conn); err != nil {
		return fmt.Errorf("upgrade a socket: %w", err)
	}
	resp, err := http.ReadResponse(s.in, req)
	if err != nil {
		return fmt.Errorf("upgrade a socket: %w", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil {
			seconds = 0 // there is no Retry-After
		}
		return errors.Join(&refusal{status: resp.StatusCode, after: time.Duration(seconds) * time.Second}, resp.Body.Close())
	}
	if err := s.conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("upgrade a socket: %w", err)
	}
	return nil
}

// next returns the next text frame, which is valid until the next call, and answers pings.
func (s *socket) next() ([]byte, error) {
	for {
		if _, err := s.in.Discard(s.done); err != nil {
			return nil, fmt.Errorf("read a frame: %w", err)
		}
		s.done = 0
		op, payload, err := s.frame()
		switch {
		case err != nil:
			return nil, fmt.Errorf("read a frame: %w", err)
		case op == opText:
			return payload, nil
		case op == opPing:
			if err := s.write(opPong, payload); err != nil {
				return nil, err
			}
		case op == opClose:
			return nil, fmt.Errorf("the server closed the socket: %s", closeReason(payload))
		}
	}
}

// closeReason formats the code and the reason of a close frame.
func closeReason(payload []byte) string {
	const code = 2
	if len(payload) < code {
		return "without a reason"
	}
	return fmt.Sprintf("%d %s", binary.BigEndian.Uint16(payload), payload[code:])
}

// frame reads one frame; the payload is a part of the read buffer.
func (s *socket) frame() (op byte, payload []byte, err error) {
	head, err := s.in.Peek(2)
	if err != nil {
		return 0, nil, err
	}
	op, size, length := head[0]&opcodeBits, 2, uint64(head[1]&lengthBits)
	switch length {
	case length16:
		size += 2
	case length64:
		size += 8
	}
	if head, err = s.in.Peek(size); err != nil {
		return 0, nil, err
	}
	switch length {
	case length16:
		length = uint64(binary.BigEndian.Uint16(head[2:]))
	case length64:
		length = binary.BigEndian.Uint64(head[2:])
	}
	if length > uint64(s.in.Size()-size) {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", ErrWrong, length)
	}
	s.done = size + int(length) //nolint:gosec // bounded above
	all, err := s.in.Peek(s.done)
	if err != nil {
		return 0, nil, err
	}
	return op, all[size:], nil
}

// send writes a text frame.
func (s *socket) send(text []byte) error { return s.write(opText, text) }

// write sends one frame. Clients have to mask frames; the mask is zero, so that the payload stays as it is.
func (s *socket) write(op byte, payload []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.out = append(s.out[:0], finalFrame|op)
	if len(payload) <= shortLength {
		s.out = append(s.out, maskedFrame|byte(len(payload)))
	} else {
		s.out = binary.BigEndian.AppendUint16(append(s.out, maskedFrame|length16), uint16(len(payload))) //nolint:gosec // far below
	}
	s.out = append(append(s.out, make([]byte, maskLength)...), payload...)
	if _, err := s.conn.Write(s.out); err != nil {
		return fmt.Errorf("write a frame: %w", err)
	}
	return nil
}

func (s *socket) close() { _ = s.conn.Close() }
