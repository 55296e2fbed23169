package backup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// Lock says for whom a backup is encrypted; the zero value: it is not.
type Lock struct {
	Recipients []age.Recipient
	// Identities decrypt a backup; empty when this process has public keys only.
	Identities []age.Identity
}

// Passphrase returns a Lock that encrypts and decrypts with the passphrase in the first line of a file.
func Passphrase(file string) (Lock, error) {
	raw, err := os.ReadFile(file) // #nosec G304 -- the operator's file
	if err != nil {
		return Lock{}, fmt.Errorf("read the passphrase: %w", err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	line = strings.TrimSuffix(line, "\r")
	to, err := age.NewScryptRecipient(line)
	if err != nil {
		return Lock{}, fmt.Errorf("use the passphrase in %s: %w", file, err)
	}
	from, err := age.NewScryptIdentity(line)
	if err != nil {
		return Lock{}, fmt.Errorf("use the passphrase in %s: %w", file, err)
	}
	return Lock{Recipients: []age.Recipient{to}, Identities: []age.Identity{from}}, nil
}

// Recipients returns a Lock that encrypts for public keys of age (age1…).
func Recipients(keys []string) (l Lock, err error) {
	for _, k := range keys {
		r, err := age.ParseX25519Recipient(k)
		if err != nil {
			return Lock{}, fmt.Errorf("%q is no public key of age: %w", k, err)
		}
		l.Recipients = append(l.Recipients, r)
	}
	return l, nil
}

// Identities returns a Lock that decrypts with the private keys in a file of age-keygen.
func Identities(file string) (_ Lock, err error) {
	f, err := os.Open(file) // #nosec G304 -- the operator's file
	if err != nil {
		return Lock{}, fmt.Errorf("read the private keys: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	list, err := age.ParseIdentities(f)
	if err != nil {
		return Lock{}, fmt.Errorf("read the private keys in %s: %w", file, err)
	}
	return Lock{Identities: list}, nil
}

func (l Lock) closed() bool { return len(l.Recipients) > 0 }

// seal compresses and encrypts what is written; Close ends it and leaves w open.
func (l Lock) seal(w io.Writer) (io.WriteCloser, error) {
	s := &sealed{}
	if l.closed() {
		locked, err := age.Encrypt(w, l.Recipients...)
		if err != nil {
			return nil, fmt.Errorf("encrypt the backup: %w", err)
		}
		w, s.inner = locked, locked
	}
	z, err := zstd.NewWriter(w)
	if err != nil {
		return nil, fmt.Errorf("compress the backup: %w", err)
	}
	s.WriteCloser = z
	return s, nil
}

type sealed struct {
	io.WriteCloser
	inner io.Closer
}

func (s *sealed) Close() error {
	err := s.WriteCloser.Close()
	if s.inner != nil && err == nil {
		err = s.inner.Close()
	}
	return err
}

// maxWindow bounds the memory of decompression, in bytes. It is more than compression uses.
const maxWindow = 64 << 20

// The first bytes of a backup: encrypted, and not encrypted.
var (
	ageMagic  = []byte("age-encryption.org/")
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// open decrypts and decompresses r. With Identities it refuses a backup that is not encrypted. closed frees
// what open has allocated, and leaves r open.
func (l Lock) open(r io.Reader) (_ io.Reader, closed func(), err error) {
	in := bufio.NewReaderSize(r, 1<<20)
	head, err := in.Peek(len(ageMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read the backup: %w", err)
	}
	inner := io.Reader(in)
	switch {
	case bytes.HasPrefix(head, ageMagic):
		if len(l.Identities) == 0 {
			return nil, nil, fmt.Errorf("%w: no passphrase or private key was given", ErrLocked)
		}
		if inner, err = age.Decrypt(in, l.Identities...); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrLocked, err)
		}
	case !bytes.HasPrefix(head, zstdMagic):
		return nil, nil, fmt.Errorf("%w: it begins with something else", ErrNotBackup)
	case len(l.Identities) > 0:
		// Whoever names a key expects a backup of somebody who has it; this one anybody may have made.
		return nil, nil, fmt.Errorf("%w: anybody may have made it; to use it all the same, name no passphrase and no key", ErrNotLocked)
	}
	z, err := zstd.NewReader(inner, zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotBackup, err)
	}
	return z, z.Close, nil
}
