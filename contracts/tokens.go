package contracts

// TokensBatch is how many tokens of open sockets one call may ask for.
const TokensBatch = 500
