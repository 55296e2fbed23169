package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gochat/gochat/infra/db"
)

// kind is what a column holds.
type kind int

const (
	number kind = iota + 1
	text
	blob
)

type column struct {
	name string
	kind kind
}

// kinds has the kind of each column type that the schemas use.
var kinds = map[string]kind{
	"integer": number, "bigint": number, "int": number, "smallint": number, "tinyint": number,
	"text": text, "mediumtext": text, "longtext": text, "varchar": text, "char": text,
	"blob": blob, "mediumblob": blob, "longblob": blob, "varbinary": blob, "binary": blob,
}

// columnsOf asks the database for the columns of a table.
func columnsOf(ctx context.Context, q querier, driver db.Driver, table string) ([]column, error) {
	query := "SELECT name, type FROM pragma_table_info(?) ORDER BY cid"
	if driver == db.MySQL {
		query = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position"
	}
	rows, err := q.QueryContext(ctx, query, table)
	if err != nil {
		return nil, fmt.Errorf("ask for the columns of %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }() // what it would say, Err says
	var out []column
	for rows.Next() {
		var name, typed string
		if err := rows.Scan(&name, &typed); err != nil {
			return nil, fmt.Errorf("ask for the columns of %s: %w", table, err)
		}
		k := kinds[strings.ToLower(typed)]
		if k == 0 {
			return nil, fmt.Errorf("column %s of %s is a %s, which cannot be carried over", name, table, typed)
		}
		out = append(out, column{name, k})
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ask for the columns of %s: %w", table, err)
	}
	return out, nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// line encodes rows. The same values make the same bytes, whatever database they are read from.
type line struct {
	columns []column
	numbers []sql.NullInt64
	bytes   [][]byte
	into    []any
	names   [][]byte // `"name":`
	buf     bytes.Buffer
	enc     *json.Encoder
}

func newLine(columns []column) *line {
	l := &line{columns: columns, numbers: make([]sql.NullInt64, len(columns)), bytes: make([][]byte, len(columns))}
	for i, c := range columns {
		name, _ := json.Marshal(c.name) //nolint:errchkjson // a string
		l.names = append(l.names, append(name, ':'))
		if c.kind == number {
			l.into = append(l.into, &l.numbers[i])
		} else {
			l.into = append(l.into, &l.bytes[i])
		}
	}
	l.enc = json.NewEncoder(&l.buf)
	l.enc.SetEscapeHTML(false)
	return l
}

// of reads a row and returns its line, with the newline; it is valid until the next call.
func (l *line) of(rows *sql.Rows) ([]byte, error) {
	if err := rows.Scan(l.into...); err != nil {
		return nil, err
	}
	l.buf.Reset()
	for i, c := range l.columns {
		l.buf.WriteByte("{,"[min(i, 1)])
		l.buf.Write(l.names[i])
		if err := l.value(i, c); err != nil {
			return nil, fmt.Errorf("encode column %s: %w", c.name, err)
		}
	}
	l.buf.WriteString("}\n")
	return l.buf.Bytes(), nil
}

func (l *line) value(i int, c column) error {
	switch {
	case c.kind == number && !l.numbers[i].Valid, c.kind != number && l.bytes[i] == nil:
		l.buf.WriteString("null")
	case c.kind == number && isID(c.name):
		l.buf.WriteByte('"')
		l.buf.WriteString(strconv.FormatInt(l.numbers[i].Int64, 10))
		l.buf.WriteByte('"')
	case c.kind == number:
		l.buf.WriteString(strconv.FormatInt(l.numbers[i].Int64, 10))
	case utf8.Valid(l.bytes[i]):
		if err := l.enc.Encode(string(l.bytes[i])); err != nil {
			return err
		}
		l.buf.Truncate(l.buf.Len() - 1) // its newline
	default:
		l.buf.WriteString(`{"base64":"` + base64.StdEncoding.EncodeToString(l.bytes[i]) + `"}`)
	}
	return nil
}

// parse reads a line back: a value for each of columns, in their order, to be stored.
func parse(raw []byte, columns []column, args []any) ([]any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var row map[string]any
	if err := dec.Decode(&row); err != nil {
		return nil, err
	}
	if len(row) != len(columns) {
		return nil, fmt.Errorf("it has %d columns and not %d", len(row), len(columns))
	}
	for _, c := range columns {
		v, there := row[c.name]
		if !there {
			return nil, fmt.Errorf("it lacks column %s", c.name)
		}
		arg, err := c.stored(v)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
		args = append(args, arg)
	}
	return args, nil
}

// stored converts a JSON value into a value that the column takes.
func (c column) stored(v any) (any, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return nil, nil
	case json.Number:
		s = v.String()
	case string:
		s = v
	case map[string]any:
		encoded, _ := v["base64"].(string)
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(v) != 1 {
			return nil, fmt.Errorf("%v is no value", v)
		}
		s = string(raw)
	default:
		return nil, fmt.Errorf("%v is no value", v)
	}
	switch c.kind {
	case number:
		return strconv.ParseInt(s, 10, 64)
	case blob:
		return []byte(s), nil
	}
	return s, nil
}

// rowSum adds up 128 bits of the SHA-256 of each row's line. The sum does not depend on the order of
// rows, which differs between databases.
type rowSum struct {
	rows      int64
	high, low uint64
}

func (s *rowSum) add(line []byte) {
	h := sha256.Sum256(line)
	s.high += binary.BigEndian.Uint64(h[:])
	s.low += binary.BigEndian.Uint64(h[8:])
	s.rows++
}

func (s *rowSum) String() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.high), s.low))
}
