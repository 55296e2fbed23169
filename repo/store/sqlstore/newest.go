package sqlstore

import (
	"context"
	"fmt"
)

// NewestID returns the greatest id that a user, a group or a message has; 0 when there
// is none.
func (s *Store) NewestID(ctx context.Context) (int64, error) {
	const query = "SELECT COALESCE(MAX(id), 0) FROM (SELECT MAX(message_id) AS id FROM messages" +
		" UNION ALL SELECT MAX(user_id) FROM users UNION ALL SELECT MAX(group_id) FROM `groups`) AS ids"
	var id int64
	if err := s.db.Primary().DB.QueryRowContext(ctx, query).Scan(&id); err != nil {
		return 0, fmt.Errorf("read the newest id: %w", transient(err))
	}
	return id, nil
}
