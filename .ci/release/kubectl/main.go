// Command kubectl is Kubernetes' kubectl, for the recipe that deploys. It is built from kubectl's
// library, since the original command would need the whole of Kubernetes.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // clusters of the large providers
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) }
