// Command kubectl is Kubernetes' own command, for the recipe that deploys; from its library, since
// the whole of Kubernetes would have to be built otherwise.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // clusters of the large providers
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
)

func main() { os.Exit(cli.Run(cmd.NewDefaultKubectlCommand())) }
