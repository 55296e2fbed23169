package contracts

// SinglesBatch is how many first messages one ConversationRepo.BeginSingles call may have.
const SinglesBatch = 1000
