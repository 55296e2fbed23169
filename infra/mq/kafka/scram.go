package kafka

import (
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// scramOf returns the function by which sarama makes SCRAM clients; nil for mechanisms without SCRAM.
func scramOf(mechanism string) func() sarama.SCRAMClient {
	var gen scram.HashGeneratorFcn
	switch mechanism {
	case "scram-sha-256":
		gen = func() hash.Hash { return sha256.New() }
	case "scram-sha-512":
		gen = func() hash.Hash { return sha512.New() }
	default:
		return nil
	}
	return func() sarama.SCRAMClient { return &scramClient{gen: gen} }
}

type scramClient struct {
	gen  scram.HashGeneratorFcn
	conv *scram.ClientConversation
}

// Begin implements sarama.SCRAMClient, as Step and Done do.
func (s *scramClient) Begin(user, password, authzID string) error {
	client, err := s.gen.NewClient(user, password, authzID)
	if err != nil {
		return err
	}
	s.conv = client.NewConversation()
	return nil
}

// Step answers a challenge.
func (s *scramClient) Step(challenge string) (string, error) { return s.conv.Step(challenge) }

// Done reports whether the server has proved itself.
func (s *scramClient) Done() bool { return s.conv.Done() }
