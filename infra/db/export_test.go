package db

// KindOf lets tests look at versions of servers that are not there.
func KindOf(version string) (mariadb bool, err error) {
	k, err := kindOf(version)
	return k == kindMariaDB, err
}
