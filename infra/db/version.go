package db

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// ErrOldServer says that a database server is older than what this program needs.
var ErrOldServer = errors.New("the database server is too old")

// The oldest servers, as major and minor version.
var (
	minMySQL   = [2]int{8, 0}
	minMariaDB = [2]int{10, 5}
)

// kindOf reads what SELECT VERSION() answers: "8.0.36", "10.11.6-MariaDB-log", and
// behind some proxies "5.5.5-10.6.4-MariaDB".
func kindOf(version string) (kind, error) {
	k, name, least, number := kindMySQL, "MySQL", minMySQL, version
	if strings.Contains(version, "MariaDB") {
		k, name, least = kindMariaDB, "MariaDB", minMariaDB
		number = strings.TrimPrefix(version, "5.5.5-")
	}
	var major, minor int
	if _, err := fmt.Sscanf(number, "%d.%d", &major, &minor); err != nil {
		return 0, fmt.Errorf("its version %q is not understood: %w", version, err)
	}
	if major < least[0] || major == least[0] && minor < least[1] {
		return 0, fmt.Errorf("%w: it is %s %s, and GoChat needs %s %d.%d or newer", ErrOldServer, name, version, name, least[0], least[1])
	}
	return k, nil
}

// explainMySQL makes one sentence of why a server cannot be used. The sentence names the setting, the server
// and the user, never the password.
func explainMySQL(setting string, conf *mysql.Config, err error) error {
	where := "the database server " + conf.Addr
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		switch me.Number {
		case myDenied:
			return fmt.Errorf("%s refuses user %q with this password (setting %s): %w", where, conf.User, setting, err)
		case myNotAllowed:
			return fmt.Errorf("%s does not let user %q into database %q (setting %s): %w", where, conf.User, conf.DBName, setting, err)
		case myNoDatabase:
			return fmt.Errorf("%s has no database %q; create it, or name another one (setting %s): %w", where, conf.DBName, setting, err)
		}
	}
	if errors.Is(err, ErrOldServer) {
		return fmt.Errorf("%s (setting %s) cannot be used: %w", where, setting, err)
	}
	return fmt.Errorf("%s (setting %s) does not answer: %w", where, setting, err)
}
