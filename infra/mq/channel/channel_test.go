package channel_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/gochat/gochat/infra/mq"
	"github.com/gochat/gochat/infra/mq/channel"
	"github.com/gochat/gochat/infra/mq/mqtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	mqtest.Run(t, mqtest.Driver{Open: func(tb testing.TB, _ string) mq.Transport {
		tb.Helper()
		tr, err := channel.Open(zap.NewNop())
		require.NoError(tb, err)
		return tr
	}})
}
