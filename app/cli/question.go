package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errDeclined is returned when the answer to a question is not yes.
var errDeclined = errors.New("nothing was changed")

// question asks the operator for confirmation; with yes it is confirmed without asking.
type question struct {
	yes bool
	in  io.Reader
	out io.Writer
}

func (q question) tell(text string) error {
	if _, err := io.WriteString(q.out, text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// ask returns nil when the answer is yes.
func (q question) ask(what string) error {
	if q.yes {
		return q.tell(what + "\n")
	}
	if err := q.tell(what + " Go on? [y/N] "); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(q.in, 100)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}
