package contracts_test

import (
	"testing"

	"github.com/gochat/gochat/contracts"
)

// TestNames: nicknames, names of groups and device ids are held to one rule.
func TestNames(t *testing.T) {
	limits := contracts.DefaultLimits()
	for name, want := range map[string]bool{
		"Änne": true, "王小明": true, "O'Neil ☃": true, "a": true, "\u200fעברית\u200e": true, "نام\u200cه": true,
		"❤\ufe0f": true, "👨\u200d👩\u200d👧": true, "🏴\U000e0067\U000e0062\U000e007f": true, "\u0600": true, " padded ": true,
		"": false, " ": false, "\u00a0\u3000": false, "\u200d": false, "\u3164": false, "\u2800": false, "\ufe0f": false, "\u200e": false,
		"a\u0000b": false, "a\nb": false, "a\u0085b": false, "a\u2028b": false, "\u202eevil": false, "a\u2066b": false, "a\u200bb": false,
		"a\ufeffb": false, "a\u00adb": false, "a\uffff": false, "a\xffb": false, "a\U000e0001": false,
	} {
		for what, check := range map[string]func(string) string{
			"nickname": limits.CheckNickname, "group name": limits.CheckGroupName, "device id": limits.CheckDeviceID,
		} {
			if must := check(name); (must == "") != want {
				t.Errorf("%q as a %s: %q", name, what, must)
			}
		}
	}
}
