import com.example.discovery.ApiClient;
import com.example.discovery.ApiException;
import com.example.discovery.JSON;
import com.example.discovery.api.HistoryApi;
import com.example.discovery.api.LoadBalancingApi;
import com.example.discovery.api.RegistrationApi;
import com.example.discovery.model.DiscoveryError;
import com.example.discovery.model.Host;
import com.example.discovery.model.HostEvent;
import com.example.discovery.model.HostRegistration;
import com.example.discovery.model.RegistrationTags;
import com.example.discovery.model.Weight;
import java.util.List;

/** Every operation that a client team uses, through the client that openapi-generator makes for java.net.http. */
class Proof {
    static final String SERVICE = "sdk-java";
    static final String REPO = "sdk-java-repo";
    static final String ADDRESS = "10.0.0.1";

    final RegistrationApi registration;
    final LoadBalancingApi balancing;
    final HistoryApi history;

    Proof(ApiClient client) {
        registration = new RegistrationApi(client);
        balancing = new LoadBalancingApi(client);
        history = new HistoryApi(client);
    }

    interface Call {
        void run() throws ApiException;
    }

    record Refusal(int status, DiscoveryError error) {}

    static void must(boolean condition, Object why) {
        if (!condition) throw new AssertionError(why);
    }

    static HostRegistration host() {
        var tags = new RegistrationTags().az("us-east-1a").region("us-east-1").instanceId("i-1");
        tags.putAdditionalProperty("rack", "r7");
        return new HostRegistration().port(8080).revision("4f1c2d9").serviceRepoName(REPO).tags(tags);
    }

    static Refusal refused(Call call) throws Exception {
        try {
            call.run();
        } catch (ApiException refused) {
            var json = JSON.getDefault().getMapper();
            return new Refusal(refused.getCode(), json.readValue(refused.getResponseBody(), DiscoveryError.class));
        }
        throw new AssertionError("the call was not refused");
    }

    List<Host> hosts() throws ApiException {
        return registration.listHosts(SERVICE, null).getHosts();
    }

    void prove() throws Exception {
        registration.registerHost(SERVICE, host().ip(ADDRESS));
        registration.registerHost(SERVICE, host().ip(ADDRESS));
        must(hosts().size() == 1, hosts());
        var listed = hosts().get(0);
        must(listed.getIpAddress().equals(ADDRESS) && listed.getPort() == 8080, listed);
        must(listed.getTags().getAz().equals("us-east-1a"), listed);
        must("r7".equals(listed.getTags().getAdditionalProperty("rack")), listed);
        var byRepo = registration.listHostsByRepo(REPO, null);
        must(byRepo.getHosts().get(0).getService().equals(SERVICE), byRepo);

        balancing.setHostWeight(SERVICE, ADDRESS, new Weight().loadBalancingWeight(20));
        must(hosts().get(0).getTags().getLoadBalancingWeight() == 20, hosts());
        balancing.setServiceWeight(SERVICE, new Weight().loadBalancingWeight(30));
        must(hosts().get(0).getTags().getLoadBalancingWeight() == 30, hosts());

        var invalid = refused(() -> registration.registerHost(SERVICE, host()));
        must(invalid.status == 400 && invalid.error.getFields().containsKey("ip"), invalid);
        var elsewhere = new Weight().loadBalancingWeight(20);
        var missing = refused(() -> balancing.setHostWeight(SERVICE, "10.0.0.9", elsewhere));
        must(missing.status == 404 && missing.error.getError().equals("host not found"), missing);

        var etag = registration.listHostsWithHttpInfo(SERVICE, null).getHeaders().get("etag").get(0);
        // This generator throws on a 304, as on every status that is not 2xx.
        try {
            registration.listHosts(SERVICE, etag);
            throw new AssertionError("the list was sent again");
        } catch (ApiException unchanged) {
            must(unchanged.getCode() == 304, unchanged);
        }

        registration.deregisterHost(SERVICE, ADDRESS);
        must(hosts().isEmpty(), hosts());
        var gone = refused(() -> registration.deregisterHost(SERVICE, ADDRESS));
        must(gone.status == 400 && gone.error.getFields().isEmpty(), gone);

        var events = history.listHostHistory(SERVICE, ADDRESS, 1).getEvents();
        must(events.size() == 1 && events.get(0).getEvent().equals("deregistered"), events);
        must(events.get(0).getAt() != null, events);
    }

    /** A field and a kind of event that a later version of the contract adds. */
    static void acceptNews() throws Exception {
        var answer = "{\"at\": \"2026-11-22T12:56:52.129669Z\", \"ip_address\": \"10.0.0.1\", \"event\": \"later\", \"added\": 1}";
        var later = JSON.getDefault().getMapper().readValue(answer, HostEvent.class);
        must(later.getEvent().equals("later"), later);
    }

    public static void main(String[] arguments) throws Exception {
        var client = new ApiClient();
        client.updateBaseUri(System.getenv("DISCOVERY_URL"));
        new Proof(client).prove();
        acceptNews();
    }
}
