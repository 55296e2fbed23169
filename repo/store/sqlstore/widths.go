package sqlstore

// Widths are what the columns of the MySQL schema hold, in characters; SQLite's
// have none. Content is in bytes, and less than its column: a message goes to the
// server in one statement, in which each byte may take two, and that is bounded by
// max_allowed_packet, 16 MiB unless the server is told otherwise.
var Widths = struct{ Username, Nickname, AvatarURL, ClientID, DeviceID, Content int }{
	Username: 191, Nickname: 255, AvatarURL: 4096, ClientID: 191, DeviceID: 191, Content: 4 << 20,
}
