package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// writeArchive writes the manifest and the parts, which lie in dir.
func writeArchive(ctx context.Context, w io.Writer, lock Lock, m *Manifest, dir string) error {
	out, err := lock.seal(w)
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the manifest of the backup: %w", err)
	}
	members := tar.NewWriter(out)
	at := time.UnixMilli(m.CreatedAt)
	err = members.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(raw)), ModTime: at})
	if err == nil {
		_, err = members.Write(raw)
	}
	for _, p := range m.Parts {
		if err == nil {
			err = members.WriteHeader(&tar.Header{Name: p.Name, Mode: 0o600, Size: p.Bytes, ModTime: at})
		}
		if err == nil {
			err = writeFile(ctx, members, filepath.Join(dir, p.Name))
		}
	}
	if err == nil {
		err = members.Close()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return nil
}

func writeFile(ctx context.Context, w io.Writer, path string) (err error) {
	f, err := os.Open(path) // #nosec G304 -- a file that this process has made
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.Copy(w, &until{ctx, f})
	return err
}

// until stops reading with its context.
type until struct {
	ctx context.Context //nolint:containedctx // it belongs to one copy
	r   io.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// readArchive reads an archive to its end and compares every part with the manifest. It writes the parts
// durably into dir, which has to be empty; when dir is "" it only reads them.
func readArchive(ctx context.Context, r io.Reader, lock Lock, dir string) (*Manifest, error) {
	in, closed, err := lock.open(&until{ctx, r})
	if err != nil {
		return nil, err
	}
	defer closed()
	members := tar.NewReader(in)
	m, err := readManifest(members)
	if err != nil {
		return nil, err
	}
	for _, p := range m.Parts {
		h, err := members.Next()
		if err != nil {
			return nil, damaged(ctx, fmt.Errorf("its part %s is missing: %w", p.Name, err))
		}
		if h.Name != p.Name || h.Size != p.Bytes || h.Typeflag != tar.TypeReg {
			return nil, damaged(ctx, fmt.Errorf("it has a part %q where %s should be", h.Name, p.Name))
		}
		sum, err := readPart(members, p, dir)
		if err != nil {
			return nil, damaged(ctx, fmt.Errorf("its part %s: %w", p.Name, err))
		}
		if sum != p.SHA256 {
			return nil, damaged(ctx, fmt.Errorf("its part %s is not what was written", p.Name))
		}
	}
	if h, err := members.Next(); err == nil {
		return nil, damaged(ctx, fmt.Errorf("it has a part %q that its list does not name", h.Name))
	} else if !errors.Is(err, io.EOF) {
		return nil, damaged(ctx, fmt.Errorf("its end cannot be read: %w", err))
	}
	// The end of the compression and of the encryption are checked by reading them.
	n, err := io.Copy(io.Discard, io.LimitReader(in, maxRest+1))
	if err != nil {
		return nil, damaged(ctx, fmt.Errorf("its end cannot be read: %w", err))
	}
	if n > maxRest {
		return nil, damaged(ctx, errors.New("it has data after its end"))
	}
	return m, nil
}

// maxRest is more bytes than an archive has behind its last part.
const maxRest = 1 << 20

// damaged makes err wrap ErrNotBackup, unless reading failed because ctx has ended.
func damaged(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("read the backup: %w", ctx.Err())
	}
	return fmt.Errorf("%w: %w", ErrNotBackup, err)
}

func readManifest(members *tar.Reader) (*Manifest, error) {
	h, err := members.Next()
	if err != nil || h.Name != manifestName || h.Size > maxManifest {
		return nil, fmt.Errorf("%w: it does not begin with its manifest", errors.Join(ErrNotBackup, err))
	}
	m := &Manifest{}
	if err := json.NewDecoder(members).Decode(m); err != nil {
		return nil, fmt.Errorf("%w: its manifest cannot be read: %w", ErrNotBackup, err)
	}
	return m, m.check()
}

func readPart(r io.Reader, p Part, dir string) (sum string, err error) {
	h := sha256.New()
	if dir == "" {
		_, err = io.Copy(h, r)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	f, err := os.OpenFile(filepath.Join(dir, p.Name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- one of our names
	if err != nil {
		return "", err
	}
	if _, err = io.Copy(io.MultiWriter(f, h), r); err == nil {
		err = f.Sync()
	}
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

// describe returns the manifest's entry for the part of a kind, whose file is in dir.
func describe(ctx context.Context, dir, kind string) (p Part, err error) {
	p = Part{Kind: kind, Name: names[kind]}
	f, err := os.Open(filepath.Join(dir, p.Name)) // #nosec G304 -- one of our names
	if err != nil {
		return p, fmt.Errorf("read what goes into the backup: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if p.Bytes, err = io.Copy(h, &until{ctx, f}); err != nil {
		return p, fmt.Errorf("read what goes into the backup: %w", err)
	}
	p.SHA256 = hex.EncodeToString(h.Sum(nil))
	return p, nil
}
