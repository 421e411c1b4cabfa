package @{schema};

import static com.ibm.integration.test.v1.Matchers.terminalPropagateCountIs;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.ibm.integration.test.v1.NodeSpy;
import com.ibm.integration.test.v1.SpyObjectReference;
import com.ibm.integration.test.v1.TestMessageAssembly;
import com.ibm.integration.test.v1.TestSetup;
import com.ibm.integration.test.v1.exception.TestException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Run by an integration server: IntegrationServer --test-project @{Name}Test. */
public class @{Name}Tests {

    @AfterEach
    public void restore() throws TestException {
        TestSetup.restoreAllMocks();
    }

    @Test
    public void aCompleteRequestIsPassedOn() throws TestException {
        NodeSpy node = new NodeSpy(new SpyObjectReference().application("@{Name}")
                .messageFlow("@{schema}.@{Name}").node("Check Request"));
        TestMessageAssembly message = new TestMessageAssembly();
        message.messagePath("JSON.Data.amount").setValue(100);
        message.messagePath("JSON.Data.currency").setValue("EUR");

        node.evaluate(message, true, "in");

        assertThat(node, terminalPropagateCountIs("out", 1));
    }

    @Test
    public void theAuditRecordLeavesTheMessageAlone() throws TestException {
        NodeSpy node = new NodeSpy(new SpyObjectReference().application("@{Name}")
                .messageFlow("@{schema}.@{Name}").subflowNode("Audit").node("Record"));
        TestMessageAssembly message = new TestMessageAssembly();
        message.messagePath("JSON.Data.reference").setValue("R-1");

        node.evaluate(message, true, "in");

        assertEquals("R-1", node.propagatedMessageAssembly("out", 1).messagePath("JSON.Data.reference").getStringValue());
    }
}
