package db

// KindOf lets tests check versions of servers that they do not have.
func KindOf(version string) (mariadb bool, err error) {
	k, err := kindOf(version)
	return k == kindMariaDB, err
}
