package repo

import (
	"errors"
	"fmt"

	"github.com/gochat/gochat/contracts"
	"github.com/gochat/gochat/infra/db"
	"github.com/gochat/gochat/repo/service"
	"github.com/gochat/gochat/repo/store/sqlstore"
)

// ListMax is how many conversations one page can hold.
const ListMax = service.ListMax

// CheckLimits compares configured limits with the widths of the database's columns: a limit
// that is too high is refused at the start instead of failing message by message. The error
// names each setting. SQLite's columns have no widths; only the content is bounded there, since
// a message crosses processes in one piece.
func CheckLimits(l contracts.Limits, driver db.Driver) error {
	width := sqlstore.Widths
	var errs []error
	most := func(setting string, value, bound int, unit string) {
		if value > bound {
			errs = append(errs, fmt.Errorf("limits.%s is %d: the store keeps at most %d %s", setting, value, bound, unit))
		}
	}
	most("content_max", l.ContentMax, width.Content, "bytes")
	if driver == db.MySQL {
		most("username_max", l.UsernameMax, width.Username, "characters")
		most("nickname_max", l.NicknameMax, width.Nickname, "characters")
		most("avatar_url_max", l.AvatarURLMax, width.AvatarURL, "characters")
		most("temp_message_id", l.TempMessageID, width.ClientID, "characters")
		most("device_id_max", l.DeviceIDMax, width.DeviceID, "characters")
	}
	return errors.Join(errs...)
}

// CheckListMax returns an error when the setting conversation.list_max is above ListMax.
func CheckListMax(n int) error {
	if n > ListMax {
		return fmt.Errorf("conversation.list_max is %d: a page holds at most %d conversations", n, ListMax)
	}
	return nil
}
