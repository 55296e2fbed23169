package kafka

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/require"
)

// flakyAdmin answers with one error after the other.
type flakyAdmin struct {
	sarama.ClusterAdmin
	answers []error
}

func (f *flakyAdmin) CreateTopic(string, *sarama.TopicDetail, bool) error {
	err := f.answers[0]
	f.answers = f.answers[1:]
	return err
}

func TestATopicIsMadeOnAnotherConnection(t *testing.T) {
	t.Parallel()
	there := &sarama.TopicError{Err: sarama.ErrTopicAlreadyExists}
	denied := &sarama.TopicError{Err: sarama.ErrTopicAuthorizationFailed}
	for name, tt := range map[string]struct {
		answers []error
		want    error
	}{
		"made":                       {answers: []error{nil}},
		"there already":              {answers: []error{there}},
		"the connection has gone":    {answers: []error{sarama.ErrNotConnected, io.EOF, nil}},
		"another one made it":        {answers: []error{sarama.ErrNotConnected, there}},
		"refused":                    {answers: []error{denied}, want: denied},
		"refused on another attempt": {answers: []error{sarama.ErrNotConnected, denied}, want: denied},
		"away all the time":          {answers: []error{sarama.ErrNotConnected, sarama.ErrNotConnected, sarama.ErrNotConnected}, want: sarama.ErrNotConnected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			admin := &flakyAdmin{answers: tt.answers}
			tr := &Transport{cfg: Config{Timeout: time.Minute}, admin: admin}
			if errors.Is(tt.want, sarama.ErrNotConnected) {
				tr.cfg.Timeout = 60 * time.Millisecond // of which there are four
			}
			err := tr.create(t.Context(), "x", nil)
			require.ErrorIs(t, err, tt.want)
			if tt.want == nil {
				require.NoError(t, err)
				require.Empty(t, admin.answers)
			}
		})
	}
}
