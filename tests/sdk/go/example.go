package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"example.com/team/discovery"
)

func main() {
	config, ctx := discovery.NewConfiguration(), context.Background()
	config.Servers = discovery.ServerConfigurations{{URL: os.Getenv("DISCOVERY_URL")}}
	api := discovery.NewAPIClient(config).RegistrationAPI
	host := discovery.NewHostRegistration(8080, "4f1c2d9", *discovery.NewRegistrationTags("us-east-1a", "us-east-1", "i-0a1b2c3d"))
	host.SetIp("10.0.0.1")
	_, _, err := api.RegisterHost(ctx, "web").HostRegistration(*host).Execute()
	var refused *discovery.GenericOpenAPIError
	if errors.As(err, &refused) {
		fmt.Println(refused.Model())
	}
	list, _, err := api.ListHosts(ctx, "web").Execute()
	fmt.Println(list.GetHosts(), err)
}
