package rediscache

// DedupKey names what is remembered of a send.
var DedupKey = dedupKey
