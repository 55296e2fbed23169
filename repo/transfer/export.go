package transfer

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/infra/private"
)

// everyRows is the number of rows after which progress is told.
const everyRows = 1000

// ExportDir writes an export of everything that d holds at one moment into a directory: a file
// of lines for each table, and ManifestFile at last. The directory is made with mode 0700; an existing
// one may have nothing in it but what an interrupted export left, which is removed. Others may write
// to the database meanwhile. program is the name of this program, for the manifest.
func ExportDir(ctx context.Context, d *db.DB, dir, program string, tell Progress) (*Manifest, error) {
	if err := exportable(dir); err != nil {
		return nil, err
	}
	m, err := export(ctx, d, program, tell, func(name string) (io.WriteCloser, error) {
		return os.OpenFile(filepath.Join(dir, Part{Name: name}.file()), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // the directory is the caller's, the name is a table's
	})
	if err != nil {
		return nil, err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the manifest of the export: %w", err)
	}
	if err := private.Write(filepath.Join(dir, ManifestFile), raw); err != nil {
		return nil, fmt.Errorf("write the manifest of the export: %w", err)
	}
	return m, nil
}

// exportable makes the directory, or removes from it what an interrupted export left. When anything else is in
// the directory, it removes nothing and the error wraps fs.ErrExist.
func exportable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of the export: %w", err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look into the directory of the export: %w", err)
	}
	var left []string
	for _, one := range list {
		name := one.Name()
		if name == private.LostFound {
			continue
		}
		if !one.Type().IsRegular() || !exported(name) {
			return fmt.Errorf("%s has %s in it: %w; name a directory that is empty or not there", dir, name, fs.ErrExist)
		}
		left = append(left, name)
	}
	for _, name := range left {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("remove what an interrupted export left: %w", err)
		}
	}
	return nil
}

// exported reports whether an unfinished export may leave a file of this name.
func exported(name string) bool {
	table, isTable := strings.CutSuffix(name, ".ndjson")
	_, ours := tableNamed(table)
	return isTable && ours || private.Unfinished(name)
}

// ExportStream writes an export as one stream of lines, to be read by other programs: each line
// is {"table": name, "row": {…}}, and the last one {"manifest": {…}}: a stream without it is incomplete.
func ExportStream(ctx context.Context, d *db.DB, w io.Writer, program string, tell Progress) (*Manifest, error) {
	m, err := export(ctx, d, program, tell, func(name string) (io.WriteCloser, error) {
		return &named{w: w, head: []byte(`{"table":"` + name + `","row":`)}, nil
	})
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(w).Encode(map[string]*Manifest{"manifest": m}); err != nil {
		return nil, fmt.Errorf("write the manifest of the export: %w", err)
	}
	return m, nil
}

// named puts the table's name around each line that is written to it.
type named struct {
	w    io.Writer
	head []byte
	buf  []byte
}

func (n *named) Write(line []byte) (int, error) {
	n.buf = append(append(n.buf[:0], n.head...), line[:len(line)-1]...)
	n.buf = append(n.buf, '}', '\n')
	if _, err := n.w.Write(n.buf); err != nil {
		return 0, err
	}
	return len(line), nil
}

func (n *named) Close() error { return nil }

func export(ctx context.Context, d *db.DB, program string, tell Progress, open func(table string) (io.WriteCloser, error)) (_ *Manifest, err error) {
	tx, done, err := snapshot(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	m := &Manifest{
		Format: formatName, Version: formatVersion, ID: strings.ToLower(rand.Text()), CreatedAt: time.Now().UnixMilli(),
		Program: program, Source: string(d.Driver()),
	}
	for _, t := range Tables {
		w, err := open(t.Name)
		if err != nil {
			return nil, fmt.Errorf("write table %s: %w", t.Name, err)
		}
		part, err := exportTable(ctx, tx, d.Driver(), t, w, tell)
		if err = errors.Join(err, w.Close()); err != nil {
			return nil, fmt.Errorf("export table %s: %w", t.Name, err)
		}
		m.Tables = append(m.Tables, part)
	}
	return m, nil
}

// snapshot begins a transaction that sees the database as of one moment, however long it takes.
func snapshot(ctx context.Context, d *db.DB) (*sql.Tx, func() error, error) {
	pool, closed, opts := d.Primary().DB, func() error { return nil }, (*sql.TxOptions)(nil)
	if d.Driver() == db.MySQL {
		patient, closePatient, err := d.Patient()
		if err != nil {
			return nil, nil, fmt.Errorf("read the database: %w", err)
		}
		pool, closed = patient.DB, closePatient
		opts = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := pool.BeginTx(ctx, opts)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read the database: %w", err), closed())
	}
	return tx, func() error {
		err := tx.Rollback()
		if errors.Is(err, sql.ErrTxDone) {
			err = nil // it ended with its context
		}
		return errors.Join(err, closed())
	}, nil
}

func exportTable(ctx context.Context, tx *sql.Tx, driver db.Driver, t Table, w io.Writer, tell Progress) (Part, error) {
	part := Part{Name: t.Name}
	columns, err := columnsOf(ctx, tx, driver, t.Name)
	if err != nil {
		return part, err
	}
	for _, c := range columns {
		part.Columns = append(part.Columns, c.name)
	}
	out := &counted{w: w, hash: sha256.New()}
	buffered := bufio.NewWriterSize(out, 1<<20)
	_, whole := w.(*named) // it needs each line by itself
	to := io.Writer(buffered)
	if whole {
		to = out
	}
	var sum rowSum
	err = scan(ctx, tx, t, columns, func(line []byte) error {
		sum.add(line)
		if sum.rows%everyRows == 0 {
			tell(t.Name, sum.rows, 0)
		}
		_, err := to.Write(line)
		return err
	})
	if err == nil {
		err = buffered.Flush()
	}
	if f, file := w.(*os.File); err == nil && file {
		err = f.Sync()
	}
	tell(t.Name, sum.rows, sum.rows)
	part.Rows, part.Sum = sum.rows, sum.String()
	part.Bytes, part.SHA256 = out.n, hex.EncodeToString(out.hash.Sum(nil))
	return part, err
}

// scan calls do with each row's line, in the order of the primary key; a row at a time is in memory.
func scan(ctx context.Context, q querier, t Table, columns []column, do func(line []byte) error) error {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoted(c.name)
	}
	rows, err := q.QueryContext(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+quoted(t.Name)+" ORDER BY "+t.Key)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // what it would say, Err says
	l := newLine(columns)
	for rows.Next() {
		line, err := l.of(rows)
		if err == nil {
			err = do(line)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// counted counts and hashes what is written.
type counted struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.hash.Write(b[:n])
	return n, err
}
