// Command gochat is an instant-messaging backend: every role in one process on
// embedded parts, or each role as a process of its own.
package main

import (
	"os"

	"github.com/gochat/gochat/app/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
