import com.example.discovery.ApiClient;
import com.example.discovery.ApiException;
import com.example.discovery.JSON;
import com.example.discovery.api.RegistrationApi;
import com.example.discovery.model.*;

class Example {
    public static void main(String[] arguments) throws Exception {
        var client = new ApiClient();
        client.updateBaseUri(System.getenv("DISCOVERY_URL"));
        var api = new RegistrationApi(client);
        var tags = new RegistrationTags().az("us-east-1a").region("us-east-1").instanceId("i-0a1b2c3d");
        try {
            api.registerHost("web", new HostRegistration().ip("10.0.0.1").port(8080).revision("4f1c2d9").tags(tags));
            System.out.println(api.listHosts("web", null).getHosts());
        } catch (ApiException refused) {
            var error = JSON.getDefault().getMapper().readValue(refused.getResponseBody(), DiscoveryError.class);
            System.out.println(refused.getCode() + " " + error.getError() + " " + error.getFields());
        }
    }
}
