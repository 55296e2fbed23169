//go:build race

package kafka_test

// sarama 1.61 races with itself while a transactional producer's broker is away
// (IBM/sarama#2913).
const raced = true
