package contracts

// TokensBatch is how many tokens one AuthService.Recheck call may check.
const TokensBatch = 500
