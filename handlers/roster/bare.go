package roster

import (
	"slices"

	pb "github.com/gochat/gochat/contracts/gen/gochat/v1"
)

// Bare lists, ascending, the members who get an edit without its new text, since they joined after the edited
// message. For any other message it returns nil.
func Bare(list []Member, m *pb.Message) (out []int64) {
	ch := m.GetChange()
	if ch.GetKind() != pb.Change_KIND_EDIT {
		return nil
	}
	for _, one := range list {
		if one.JoinSeq >= ch.GetSeqId() && one.JoinSeq < m.GetSeqId() {
			out = append(out, one.UserID)
		}
	}
	return out
}

// Split parts users into those who are not in bare and those who are; bare must be ascending.
func Split(users, bare []int64) (full, without []int64) {
	if len(bare) == 0 {
		return users, nil
	}
	for _, id := range users {
		if _, found := slices.BinarySearch(bare, id); found {
			without = append(without, id)
		} else {
			full = append(full, id)
		}
	}
	return full, without
}
