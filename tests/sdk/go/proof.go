// Every operation that a client team uses, through the client that openapi-generator makes for Go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"example.com/team/discovery"
)

const (
	service = "sdk-go"
	repo    = "sdk-go-repo"
	address = "10.0.0.1"
)

var ctx = context.Background()

func must(condition bool, why ...any) {
	if !condition {
		panic(fmt.Sprint(why...))
	}
}

func host() discovery.HostRegistration {
	tags := discovery.NewRegistrationTags("us-east-1a", "us-east-1", "i-1")
	tags.AdditionalProperties = map[string]any{"rack": "r7"}
	host := discovery.NewHostRegistration(8080, "4f1c2d9", *tags)
	host.SetServiceRepoName(repo)
	return *host
}

func hosts(client *discovery.APIClient) []discovery.Host {
	list, _, err := client.RegistrationAPI.ListHosts(ctx, service).Execute()
	must(err == nil, err)
	return list.GetHosts()
}

func refused(answer *http.Response, err error) (int, discovery.DiscoveryError) {
	var refusal *discovery.GenericOpenAPIError
	must(errors.As(err, &refusal), "not refused")
	body, ok := refusal.Model().(discovery.DiscoveryError)
	must(ok, "not an DiscoveryError")
	return answer.StatusCode, body
}

func main() {
	config := discovery.NewConfiguration()
	config.Servers = discovery.ServerConfigurations{{URL: os.Getenv("DISCOVERY_URL")}}
	client := discovery.NewAPIClient(config)
	registration, balancing := client.RegistrationAPI, client.LoadBalancingAPI

	complete := host()
	complete.SetIp(address)
	for i := 0; i < 2; i++ {
		_, _, err := registration.RegisterHost(ctx, service).HostRegistration(complete).Execute()
		must(err == nil, err)
	}
	listed := hosts(client)
	must(len(listed) == 1 && listed[0].IpAddress == address && listed[0].Port == 8080, listed)
	must(listed[0].Tags.GetAz() == "us-east-1a" && listed[0].Tags.AdditionalProperties["rack"] == "r7", listed)
	byRepo, _, err := registration.ListHostsByRepo(ctx, repo).Execute()
	must(err == nil && byRepo.GetHosts()[0].Service == service, err)

	_, err = balancing.SetHostWeight(ctx, service, address).Weight(*discovery.NewWeight(20)).Execute()
	must(err == nil && hosts(client)[0].Tags.GetLoadBalancingWeight() == 20, err)
	_, err = balancing.SetServiceWeight(ctx, service).Weight(*discovery.NewWeight(30)).Execute()
	must(err == nil && hosts(client)[0].Tags.GetLoadBalancingWeight() == 30, err)

	_, answer, err := registration.RegisterHost(ctx, service).HostRegistration(host()).Execute()
	status, problem := refused(answer, err)
	must(status == 400 && problem.GetFields()["ip"] != "", problem)
	answer, err = balancing.SetHostWeight(ctx, service, "10.0.0.9").Weight(*discovery.NewWeight(20)).Execute()
	status, problem = refused(answer, err)
	must(status == 404 && problem.Error == "host not found", problem)

	_, answer, err = registration.ListHosts(ctx, service).Execute()
	must(err == nil, err)
	// This generator returns an error for a 304, as for every status from 300 on.
	_, answer, err = registration.ListHosts(ctx, service).IfNoneMatch(answer.Header.Get("ETag")).Execute()
	must(err != nil && answer.StatusCode == http.StatusNotModified, answer)

	_, _, err = registration.DeregisterHost(ctx, service, address).Execute()
	must(err == nil && len(hosts(client)) == 0, err)
	_, answer, err = registration.DeregisterHost(ctx, service, address).Execute()
	status, problem = refused(answer, err)
	must(status == 400 && !problem.HasFields(), problem)

	history, _, err := client.HistoryAPI.ListHostHistory(ctx, service, address).Limit(1).Execute()
	must(err == nil && len(history.GetEvents()) == 1, err)
	event := history.GetEvents()[0]
	must(event.Event == "deregistered" && !event.At.IsZero(), event)

	var later discovery.HostEvent
	err = json.Unmarshal([]byte(`{"at": "2026-11-22T12:56:52.129669Z", "ip_address": "10.0.0.1", "event": "later", "added": 1}`), &later)
	must(err == nil && later.Event == "later", err)
}
