package sqlstore

// Widths are how much the columns of the MySQL schema hold, in characters; SQLite's have no bound.
// Content is in bytes, and less than its column holds: a message goes to the server in one
// statement, where each byte may take two, and a statement is bounded by max_allowed_packet,
// 16 MiB by default.
var Widths = struct{ Username, Nickname, AvatarURL, ClientID, DeviceID, Content int }{
	Username: 191, Nickname: 255, AvatarURL: 4096, ClientID: 191, DeviceID: 191, Content: 4 << 20,
}
