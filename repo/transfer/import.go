package transfer

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gochat/gochat/infra/db"
)

const (
	// Bounds of one transaction, and of the rows of one statement: MySQL takes statements of 16 MiB,
	// in which each byte may take two, and SQLite takes 32,766 values.
	batchBytes    = 1 << 20
	batchRows     = 2000
	statementRows = 500
	// maxLine is more bytes than the columns of any row hold together.
	maxLine = 128 << 20
)

// Import stores an export of ExportDir in a database whose schema is up to date and which has no data,
// then reads everything back and compares. After an interruption, a call with the same export goes on
// where the last one ended; until then Pending returns ErrBegun. Nobody else may write to the
// database. At most one batch is in memory. Errors may wrap ErrNotExport (then nothing was changed),
// ErrNotEmpty and ErrDiffers.
func Import(ctx context.Context, d *db.DB, dir string, tell Progress) (_ *Manifest, err error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	if err := m.checkFiles(dir); err != nil {
		return nil, err
	}
	patient, closed, err := d.Patient()
	if err != nil {
		return nil, fmt.Errorf("open the database for the import: %w", err)
	}
	defer func() { err = errors.Join(err, closed()) }()
	i := &importer{pool: patient.DB, driver: d.Driver(), dir: dir, tell: tell}
	for _, p := range m.Tables {
		columns, err := i.columns(ctx, p)
		if err != nil {
			return nil, err
		}
		i.tables = append(i.tables, columns)
	}
	if i.mark, err = begin(ctx, i.pool, i.driver, m.ID); err != nil {
		return nil, err
	}
	for n, p := range m.Tables {
		if n < i.mark.table {
			continue
		}
		if err := i.table(ctx, p, i.tables[n]); err != nil {
			return nil, fmt.Errorf("import table %s: %w", p.Name, db.Private(err))
		}
		i.mark = mark{export: m.ID, table: n + 1}
	}
	if err := i.compare(ctx, m); err != nil {
		return nil, err
	}
	return m, finish(ctx, i.pool)
}

type importer struct {
	pool   *sql.DB
	driver db.Driver
	dir    string
	tell   Progress
	tables [][]column
	mark   mark
}

// columns returns the columns of the export with their kinds in this database. Columns of this database
// that the export lacks get their defaults.
func (i *importer) columns(ctx context.Context, p Part) ([]column, error) {
	there, err := columnsOf(ctx, i.pool, i.driver, p.Name)
	if err != nil {
		return nil, err
	}
	out := make([]column, len(p.Columns))
	for n, name := range p.Columns {
		at := slices.IndexFunc(there, func(c column) bool { return c.name == name })
		if at < 0 {
			return nil, fmt.Errorf("%w: this database has no column %q in %s; a newer gochat has exported it", ErrNotExport, name, p.Name)
		}
		out[n] = there[at]
	}
	return out, nil
}

// table stores the lines of a table's file from the mark on.
func (i *importer) table(ctx context.Context, p Part, columns []column) (err error) {
	f, err := os.Open(filepath.Join(i.dir, p.file())) // #nosec G304 -- the operator's directory
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(i.mark.offset, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		b, err := i.batch(lines, columns)
		if err != nil {
			return fmt.Errorf("%s, row %d: %w", p.file(), i.mark.rows+int64(b.rows)+1, err)
		}
		next := i.mark
		next.offset += b.bytes
		next.rows += int64(b.rows)
		if b.last {
			next = mark{export: i.mark.export, table: i.mark.table + 1}
		}
		err = inTx(ctx, i.pool, func(tx *sql.Tx) error {
			if err := insert(ctx, tx, p.Name, columns, b.args); err != nil {
				return err
			}
			return next.save(ctx, tx)
		})
		if err != nil {
			return err
		}
		if b.last {
			i.tell(p.Name, p.Rows, p.Rows)
			return nil
		}
		i.mark = next
		i.tell(p.Name, next.rows, p.Rows)
	}
}

// batch is the rows that one transaction stores.
type batch struct {
	args  []any
	rows  int
	bytes int64
	last  bool
}

func (i *importer) batch(lines *bufio.Reader, columns []column) (b batch, err error) {
	for b.rows < batchRows && b.bytes < batchBytes {
		raw, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			b.last = true
			return b, nil
		}
		if err == nil {
			b.args, err = parse(raw, columns, b.args)
		}
		if err != nil {
			return b, err
		}
		b.rows++
		b.bytes += int64(len(raw))
	}
	return b, nil
}

// readLine returns a whole line, with its newline; io.EOF behind the last one.
func readLine(r *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := r.ReadSlice('\n')
		switch {
		case err == nil && whole == nil:
			return bytes.Clone(part), nil
		case errors.Is(err, io.EOF) && len(whole)+len(part) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		if whole = append(whole, part...); len(whole) > maxLine {
			return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
		if err == nil {
			return whole, nil
		}
	}
}

func insert(ctx context.Context, tx *sql.Tx, table string, columns []column, args []any) error {
	names := make([]string, len(columns))
	for n, c := range columns {
		names[n] = quoted(c.name)
	}
	head := "INSERT INTO " + quoted(table) + " (" + strings.Join(names, ", ") + ") VALUES "
	row := "(?" + strings.Repeat(",?", len(columns)-1) + ")"
	for chunk := range slices.Chunk(args, statementRows*len(columns)) {
		rows := len(chunk) / len(columns)
		if _, err := tx.ExecContext(ctx, head+row+strings.Repeat(","+row, rows-1), chunk...); err != nil {
			return err
		}
	}
	return nil
}

// compare reads everything back, and returns ErrDiffers when it is not what was exported.
func (i *importer) compare(ctx context.Context, m *Manifest) error {
	for n, p := range m.Tables {
		t, _ := tableNamed(p.Name) // ReadManifest has checked the names
		var sum rowSum
		err := scan(ctx, i.pool, t, i.tables[n], func(line []byte) error {
			sum.add(line)
			if sum.rows%everyRows == 0 {
				i.tell(p.Name+", reading back", sum.rows, p.Rows)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read table %s back: %w", p.Name, err)
		}
		if sum.rows != p.Rows || sum.String() != p.Sum {
			return fmt.Errorf("%w: table %s has %d rows with the sum %s, and %d with %s were exported; make the database anew and import again",
				ErrDiffers, p.Name, sum.rows, sum.String(), p.Rows, p.Sum)
		}
	}
	return nil
}
