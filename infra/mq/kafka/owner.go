package kafka

import (
	"context"
	"errors"

	"github.com/IBM/sarama"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/pause"
)

// ownersTopic never has a record. Brokers keep a text with every committed offset, and of several commits the
// last one: each outbox has a group of its own, whose commit for this topic has the word of the outbox's
// owner as its text.
const ownersTopic = "mq-outbox-owners"

// ownerVersion is the version of both requests; brokers know it from 2.1 on.
const ownerVersion = 5

// own leaves this process's word as the id's owner. An unknown topic is tried again: the topic is there, but
// the broker that keeps the word may not have heard of it yet.
func (i *identity) own(ctx context.Context, client sarama.Client) error {
	for {
		err := i.leaveWord(client)
		if err == nil || !passing(err) && !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return err
		}
		if !pause.For(ctx.Done(), claimPause) {
			return errors.Join(ctx.Err(), err)
		}
	}
}

func (i *identity) leaveWord(client sarama.Client) error {
	req := &sarama.OffsetCommitRequest{
		Version: ownerVersion, ConsumerGroup: i.group, ConsumerGroupGeneration: sarama.GroupGenerationUndefined,
	}
	req.AddBlock(i.topic, 0, 0, 0, i.word)
	return i.ask(client, func(coordinator *sarama.Broker) error {
		resp, err := coordinator.CommitOffset(req)
		if err != nil {
			return err
		}
		if said := resp.Errors[i.topic][0]; said != sarama.ErrNoError {
			return said
		}
		return nil
	})
}

// owner returns the word of the process that began last; empty when the brokers have forgotten it, as they do
// after a week in which no process began.
func (i *identity) owner(client sarama.Client) (word string, err error) {
	req := &sarama.OffsetFetchRequest{Version: ownerVersion, ConsumerGroup: i.group}
	req.AddPartition(i.topic, 0)
	err = i.ask(client, func(coordinator *sarama.Broker) error {
		resp, err := coordinator.FetchOffset(req)
		if err != nil {
			return err
		}
		block := resp.GetBlock(i.topic, 0)
		switch {
		case resp.Err != sarama.ErrNoError:
			return resp.Err
		case block == nil:
			return sarama.ErrIncompleteResponse
		case block.Err != sarama.ErrNoError:
			return block.Err
		}
		word = block.Metadata
		return nil
	})
	return word, err
}

// ask asks the group's coordinator, and looks for another one when it does not answer.
func (i *identity) ask(client sarama.Client, do func(*sarama.Broker) error) error {
	coordinator, err := client.Coordinator(i.group)
	if err != nil {
		return err
	}
	if err := do(coordinator); err != nil {
		if moved(err) {
			return errors.Join(err, client.RefreshCoordinator(i.group))
		}
		return err
	}
	return nil
}

// ensureOwners makes ownersTopic.
func (t *Transport) ensureOwners() error {
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.PublishTimeout)
	defer cancel()
	return t.Ensure(ctx, mq.Topic{Name: ownersTopic, Partitions: 1})
}
