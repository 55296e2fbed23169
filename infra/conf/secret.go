package conf

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// fileSuffix ends the name of an environment variable that names a secret's file.
const fileSuffix = "_FILE"

// secretMax is far more than any secret has: a longer file must be the wrong one.
const secretMax = 1 << 20

// secretFile is the file that the environment names for a secret's value; empty: none.
// The value and the file together are an error, since one of them would be ignored.
func secretFile(k Key) (string, error) {
	if !k.Secret {
		return "", nil
	}
	file := os.Getenv(k.Env + fileSuffix)
	if file != "" && os.Getenv(k.Env) != "" {
		return "", fmt.Errorf("%s: both %s and %s are set; unset one of them", k.Path, k.Env, k.Env+fileSuffix)
	}
	return file, nil
}

// readSecret reads the value of a secret from its file, without the line end that editors append. Its errors
// never repeat the file's content.
func readSecret(file string, k Key) (text string, err error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("%s: read the file that %s names: %w", k.Path, k.Env+fileSuffix, err)
	}
	f, err := os.Open(file) // #nosec G304 -- the operator names it
	if err != nil {
		return fail(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	all, err := io.ReadAll(io.LimitReader(f, secretMax+1))
	if err != nil {
		return fail(err)
	}
	text = strings.TrimRight(string(all), "\r\n")
	switch {
	case len(all) > secretMax:
		return fail(fmt.Errorf("%s has more than %d bytes, which no secret has", file, secretMax))
	case text == "":
		return fail(fmt.Errorf("%s is empty", file))
	}
	return text, nil
}
