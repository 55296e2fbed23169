package contracts

import (
	"fmt"
	"unicode/utf8"
)

// Limits of a search.
const (
	SearchQueryMin     = 2
	SearchQueryMax     = 100
	SearchLimitDefault = 20
	SearchLimitMax     = 100
)

// GroupSearch is the consumer group of the search index.
const GroupSearch = "gochat-search"

// CheckSearchQuery returns what a query must be, or "" when it is.
func CheckSearchQuery(q string) string {
	if n := utf8.RuneCountInString(q); n < SearchQueryMin || n > SearchQueryMax || !utf8.ValidString(q) {
		return fmt.Sprintf("%d to %d characters", SearchQueryMin, SearchQueryMax)
	}
	return ""
}
