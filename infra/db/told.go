package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// toldDriver calls tell with every statement of its connections, and the statement's values, before it runs.
// Without a tell connections are not wrapped, and cost nothing.
type toldDriver struct {
	driver.Connector
	tell func(query string, args []any)
}

// told opens a pool, whose connections are wrapped if there is a tell.
func told(tell func(string, []any), c driver.Connector) *sql.DB {
	if tell != nil {
		c = toldDriver{c, tell}
	}
	return sql.OpenDB(c)
}

// Connect implements driver.Connector.
func (d toldDriver) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := d.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := c.(wholeConn)
	if !ok {
		return nil, driver.ErrBadConn
	}
	return toldConn{whole, d.tell}, nil
}

// wholeConn is what the connections of both drivers can do.
type wholeConn interface { //nolint:interfacebloat // what database/sql asks a driver for
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type toldConn struct {
	wholeConn
	tell func(string, []any)
}

// CheckNamedValue implements driver.NamedValueChecker.
func (c toldConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.wholeConn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// ExecContext implements driver.ExecerContext.
func (c toldConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.tell(query, valuesOf(args))
	return c.wholeConn.ExecContext(ctx, query, args)
}

// QueryContext implements driver.QueryerContext.
func (c toldConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.tell(query, valuesOf(args))
	return c.wholeConn.QueryContext(ctx, query, args)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c toldConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.wholeConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	whole, ok := s.(wholeStmt)
	if !ok {
		return s, nil
	}
	return toldStmt{whole, query, c.tell}, nil
}

type wholeStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type toldStmt struct {
	wholeStmt
	query string
	tell  func(string, []any)
}

// ExecContext implements driver.StmtExecContext.
func (s toldStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.tell(s.query, valuesOf(args))
	return s.wholeStmt.ExecContext(ctx, args)
}

// QueryContext implements driver.StmtQueryContext.
func (s toldStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.tell(s.query, valuesOf(args))
	return s.wholeStmt.QueryContext(ctx, args)
}

func valuesOf(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}
