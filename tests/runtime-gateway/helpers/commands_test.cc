// SPDX-License-Identifier: Apache-2.0
// The real program against a small server: what it sends, prints and exits with.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "fake_api.h"
#include "helper_run.h"

namespace cronium::gateway::helpers {
namespace {

using namespace std::string_literals;  // the one namespace that the style lets in whole

const std::string kBin = CRONIUM_INJECT_DIR "/bin/";
const std::string kDone = JsonResponse(200, R"({"success":true})");

class Commands : public testing::Test {
 protected:
  // Runs the helper `words[0]` against a server that answers with `response`.
  RunResult Call(std::vector<std::string> words, const std::string& response,
                 const std::string& input = "") {
    const std::string socket = folder_.Path("api.sock");
    FakeApi api(socket, [&](const SeenRequest&, int) { return response; });
    environment_["CRONIUM_RUNTIME_SOCKET"] = socket;
    words[0] = kBin + words[0];
    RunResult result = RunProgram(words, environment_, input);
    requests_ = api.requests();
    return result;
  }

  // The one request of a call that succeeds and prints nothing.
  SeenRequest Sent(std::vector<std::string> words, const std::string& input = "") {
    const RunResult result = Call(std::move(words), kDone, input);
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err, "");
    return OnlyRequest();
  }

  SeenRequest OnlyRequest() {
    EXPECT_EQ(requests_.size(), 1);
    return requests_.empty() ? SeenRequest() : requests_[0];
  }

  std::string Printed(std::vector<std::string> words, const std::string& body) {
    const RunResult result = Call(std::move(words), JsonResponse(200, body));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.err, "");
    return result.out;
  }

  // The line on standard error of a call that fails before anything is sent.
  std::string Refused(std::vector<std::string> words, const std::string& input = "") {
    const RunResult result = Call(std::move(words), kDone, input);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_TRUE(requests_.empty());
    return result.err;
  }

  TempFolder folder_;
  std::map<std::string, std::string> environment_ = {{"CRONIUM_EXECUTION_TOKEN", "header.body.sig"},
                                                     {"CRONIUM_EXECUTION_ID", "exec_abc123"},
                                                     {"CRONIUM_RETRY_FOR", "20"}};
  std::vector<SeenRequest> requests_;
};

TEST_F(Commands, SayWhoTheyAre) {
  const SeenRequest get = (Printed({"cronium_input"}, R"({"data":1})"), OnlyRequest());
  EXPECT_EQ(get.fields.at("authorization"), "Bearer header.body.sig");
  EXPECT_EQ(get.fields.at("host"), "runtime-api");
  EXPECT_EQ(get.fields.at("connection"), "close");
  EXPECT_EQ(get.fields.at("user-agent").substr(0, 15), "cronium-helper/");
  EXPECT_FALSE(get.fields.contains("idempotency-key")) << "it has no effect to repeat";
  EXPECT_FALSE(get.fields.contains("content-type"));
  const SeenRequest put = Sent({"cronium_set_variable", "k", "v"});
  EXPECT_EQ(put.fields.at("content-type"), "application/json");
  EXPECT_EQ(put.fields.at("idempotency-key").size(), 32);
}

TEST_F(Commands, UseANewIdempotencyKeyForEachCall) {
  const std::string first = Sent({"cronium_set_variable", "k", "v"}).fields.at("idempotency-key");
  EXPECT_NE(Sent({"cronium_set_variable", "k", "v"}).fields.at("idempotency-key"), first);
}

TEST_F(Commands, InputPrintsTheData) {
  EXPECT_EQ(Printed({"cronium_input"}, R"({"success":true,"data":{"b": 1, "a":[true]}})"),
            "{\"b\": 1, \"a\":[true]}\n");
  EXPECT_EQ(OnlyRequest().Line(), "GET /executions/exec_abc123/input");
  EXPECT_EQ(Printed({"cronium_input"}, R"({"data":"two\nlines"})"), "two\nlines\n");
  EXPECT_EQ(Printed({"cronium_input"}, R"({"data":null})"), "null\n");
}

TEST_F(Commands, OutputSendsJsonAsJsonAndTextAsAString) {
  const SeenRequest json = Sent({"cronium_output", R"({"n": 12345678901234567890, "z":{}})"});
  EXPECT_EQ(json.Line(), "POST /executions/exec_abc123/output");
  EXPECT_EQ(json.body, R"({"data":{"n": 12345678901234567890, "z":{}}})");
  EXPECT_EQ(Sent({"cronium_output", "plain text"}).body, R"({"data":"plain text"})");
}

TEST_F(Commands, OutputReadsStandardInputWithoutAnArgument) {
  EXPECT_EQ(Sent({"cronium_output"}, "{\"a\":1}\n").body, "{\"data\":{\"a\":1}\n}");
  EXPECT_EQ(Sent({"cronium_output", "-"}, "line one\nline two\n").body,
            R"({"data":"line one\nline two"})");
  EXPECT_EQ(Sent({"cronium_output"}, "").body, R"({"data":""})");
}

TEST_F(Commands, CarryValuesOfMegabytesBothWays) {
  const std::string text(7 << 20, 'x');
  EXPECT_TRUE(Sent({"cronium_output"}, text).body == "{\"data\":\"" + text + "\"}");
  EXPECT_TRUE(Printed({"cronium_input"}, "{\"data\":\"" + text + "\"}") == text + "\n");
}

TEST_F(Commands, RefuseMoreThanACallCanCarry) {
  EXPECT_EQ(Refused({"cronium_output"}, std::string((8 << 20) + 1, 'x')),
            "cronium_output: standard input is larger than 8 MiB\n");
  EXPECT_EQ(Refused({"cronium_output"}, std::string(8 << 20, 'x')),
            "cronium_output: the value is too large: a call carries at most 8 MiB\n");
}

TEST_F(Commands, GetVariablePrintsEachKindOfValue) {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"\"text\"", "text"},
      {"\"\"", ""},
      {"\"caf\\u00e9 \\ud83d\\ude00\"", "café 😀"},
      {"0", "0"},
      {"false", "false"},
      {"null", "null"},
      {"9007199254740993", "9007199254740993"},
      {"1.50", "1.50"},
      {"{\"b\":1,  \"a\":2}", "{\"b\":1,  \"a\":2}"},
      {"[1, 2]", "[1, 2]"},
  };
  for (const auto& [json, printed] : kinds) {
    EXPECT_EQ(Printed({"cronium_get_variable", "k"},
                      R"({"success":true,"data":{"key":"k","value":)" + json + "}}"),
              printed + "\n");
  }
  EXPECT_EQ(OnlyRequest().Line(), "GET /executions/exec_abc123/variables/k");
  EXPECT_EQ(Printed({"cronium_get_variable", "k"}, R"({"data":{"value":"a\u0000b"}})"), "a\0b\n"s);
}

TEST_F(Commands, GetVariableOfAnUnsetOnePrintsNothing) {
  const RunResult result =
      Call({"cronium_get_variable", "k"}, ErrorResponse(404, "variable not found"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out + result.err, "");
}

TEST_F(Commands, GetVariableTakesNoOther404ForAnUnsetOne) {
  const RunResult result = Call({"cronium_get_variable", "k"}, ErrorResponse(404, "no such route"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "cronium_get_variable: no such route (HTTP 404)\n");
}

TEST_F(Commands, KeysAreEncodedWhole) {
  EXPECT_EQ(Sent({"cronium_set_variable", "a/b c?d#é%", "1"}).Line(),
            "PUT /executions/exec_abc123/variables/a%2Fb%20c%3Fd%23%C3%A9%25");
  EXPECT_EQ(Sent({"cronium_set_variable", "..", "1"}).Line(),
            "PUT /executions/exec_abc123/variables/..");
  EXPECT_EQ(Sent({"cronium_set_variable", "--", "--help", "1"}).Line(),
            "PUT /executions/exec_abc123/variables/--help");
}

TEST_F(Commands, RefuseAKeyThatCannotBeOne) {
  for (const char* name : {"cronium_get_variable", "cronium_delete_variable",
                           "cronium_variable_exists", "cronium_increment_variable"}) {
    for (const std::string& key : {""s, std::string(257, 'k'), "a\nb"s, "\xff"s}) {
      EXPECT_EQ(Refused({name, key}).substr(0, std::string(name).size() + 25),
                std::string(name) + ": KEY must be 1 to 256 by");
    }
  }
  EXPECT_NE(Refused({"cronium_set_variable", "", "1"}), "");
  EXPECT_NE(Refused({"cronium_append_variable", "", "1"}), "");
}

TEST_F(Commands, SetVariableSendsJsonAsJsonAndAnythingElseAsAString) {
  const std::vector<std::pair<std::string, std::string>> values = {
      {"5", "5"},
      {"null", "null"},
      {"false", "false"},
      {"{\"a\": [1]}", "{\"a\": [1]}"},
      {"\"quoted\"", "\"quoted\""},
      {"01234", "\"01234\""},
      {"", "\"\""},
      {"1.2.3", "\"1.2.3\""},
      {"it's \"so\" \\ $HOME", "\"it's \\\"so\\\" \\\\ $HOME\""},
      {"two\nlines\t", "\"two\\nlines\\t\""},
      {"{not json", "\"{not json\""},
      {"größe", "\"größe\""},
  };
  for (const auto& [value, json] : values) {
    const SeenRequest request = Sent({"cronium_set_variable", "k", value});
    EXPECT_EQ(request.Line(), "PUT /executions/exec_abc123/variables/k");
    EXPECT_EQ(request.body, "{\"value\":" + json + "}");
  }
}

TEST_F(Commands, SetVariableReadsStandardInputForADash) {
  EXPECT_EQ(Sent({"cronium_set_variable", "k", "-"}, "[1,\n2]\n").body, "{\"value\":[1,\n2]\n}");
  EXPECT_EQ(Sent({"cronium_set_variable", "k", "-"}, "text\n\n").body, "{\"value\":\"text\\n\"}");
  EXPECT_EQ(Sent({"cronium_set_variable", "k", "-"}, "a\0b"s).body, "{\"value\":\"a\\u0000b\"}");
}

TEST_F(Commands, SetVariableRefusesBinary) {
  EXPECT_EQ(Refused({"cronium_set_variable", "k", "\xff\xfe"}),
            "cronium_set_variable: the value is neither JSON nor text in UTF-8; encode binary "
            "data, with base64 say\n");
}

TEST_F(Commands, DeleteVariable) {
  const SeenRequest request = Sent({"cronium_delete_variable", "k"});
  EXPECT_EQ(request.Line(), "DELETE /executions/exec_abc123/variables/k");
  EXPECT_EQ(request.fields.at("content-length"), "0");
  EXPECT_TRUE(request.fields.contains("idempotency-key"));
  const RunResult unset =
      Call({"cronium_delete_variable", "k"}, ErrorResponse(404, "variable not found"));
  EXPECT_EQ(unset.exit_code, 0) << "it is gone either way";
  EXPECT_EQ(unset.err, "");
}

TEST_F(Commands, VariableExistsAnswersWithItsExitCode) {
  EXPECT_EQ(Printed({"cronium_variable_exists", "k"}, R"({"data":{"value":null}})"), "");
  EXPECT_EQ(OnlyRequest().Line(), "GET /executions/exec_abc123/variables/k");
  const RunResult unset =
      Call({"cronium_variable_exists", "k"}, ErrorResponse(404, "variable not found"));
  EXPECT_EQ(unset.exit_code, 1);
  EXPECT_EQ(unset.out + unset.err, "");
  const RunResult failed = Call({"cronium_variable_exists", "k"}, ErrorResponse(403, "no"));
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_EQ(failed.err, "cronium_variable_exists: no (HTTP 403)\n");
}

TEST_F(Commands, IncrementVariablePrintsTheNewValue) {
  EXPECT_EQ(Printed({"cronium_increment_variable", "k"}, R"({"data":{"key":"k","value":42}})"),
            "42\n");
  EXPECT_EQ(OnlyRequest().Line(), "POST /executions/exec_abc123/variables/k/increment");
  EXPECT_EQ(OnlyRequest().body, R"({"by":1})");
  Printed({"cronium_increment_variable", "k", "-2.5"}, R"({"data":{"value":0}})");
  EXPECT_EQ(OnlyRequest().body, R"({"by":-2.5})");
  EXPECT_EQ(Refused({"cronium_increment_variable", "k", "ten"}),
            "cronium_increment_variable: N must be a number, not 'ten'\n");
}

TEST_F(Commands, AppendVariableSendsTextEvenIfItIsJson) {
  const SeenRequest request = Sent({"cronium_append_variable", "k", "12", ", "});
  EXPECT_EQ(request.Line(), "POST /executions/exec_abc123/variables/k/append");
  EXPECT_EQ(request.body, R"({"text":"12","separator":", "})");
  EXPECT_EQ(Sent({"cronium_append_variable", "k", "x"}).body, R"({"text":"x","separator":""})");
  EXPECT_EQ(Sent({"cronium_append_variable", "k", "-", "-"}, "in\n").body,
            R"({"text":"in","separator":"-"})");
}

TEST_F(Commands, SetConditionTakesEverySpelling) {
  for (const char* word : {"true", "1", "yes", "on", "TRUE", "Yes"}) {
    EXPECT_EQ(Sent({"cronium_set_condition", word}).body, R"({"condition":true})") << word;
  }
  for (const char* word : {"false", "0", "no", "off"}) {
    EXPECT_EQ(Sent({"cronium_set_condition", word}).body, R"({"condition":false})") << word;
  }
  EXPECT_EQ(OnlyRequest().Line(), "POST /executions/exec_abc123/condition");
  EXPECT_EQ(Refused({"cronium_set_condition", "maybe"}),
            "cronium_set_condition: VALUE must be true, 1, yes or on; or false, 0, no or off; not "
            "'maybe'\n");
}

TEST_F(Commands, EventAndItsFields) {
  const std::string body =
      R"({"success":true,"data":{"eventName":"Nightly","attempt":2,"userId":null,)"
      R"("metadata":{"tags":["a","b"]}}})";
  EXPECT_EQ(Printed({"cronium_event"}, body),
            R"({"eventName":"Nightly","attempt":2,"userId":null,"metadata":{"tags":["a","b"]}})"
            "\n");
  EXPECT_EQ(OnlyRequest().Line(), "GET /executions/exec_abc123/context");
  EXPECT_EQ(Printed({"cronium_event_field", "eventName"}, body), "Nightly\n");
  EXPECT_EQ(OnlyRequest().Line(), "GET /executions/exec_abc123/context");
  EXPECT_EQ(Printed({"cronium_event_field", "attempt"}, body), "2\n");
  EXPECT_EQ(Printed({"cronium_event_field", "metadata"}, body), "{\"tags\":[\"a\",\"b\"]}\n");
  EXPECT_EQ(Printed({"cronium_event_field", "metadata.tags.1"}, body), "b\n");
  EXPECT_EQ(Printed({"cronium_event_field", "userId"}, body), "null\n");
  EXPECT_EQ(Printed({"cronium_event_field", "nothing"}, body), "");
}

TEST_F(Commands, ExecuteToolAction) {
  const std::string answer = R"({"success":true,"data":{"id":7},"metadata":{}})";
  EXPECT_EQ(
      Printed({"cronium_execute_tool_action", "web\"hook", "request", R"({"url":"x"})"}, answer),
      "{\"id\":7}\n");
  EXPECT_EQ(OnlyRequest().Line(), "POST /tool-actions/execute");
  EXPECT_EQ(OnlyRequest().body, R"({"tool":"web\"hook","action":"request","params":{"url":"x"}})");
  EXPECT_TRUE(OnlyRequest().fields.contains("idempotency-key"));
  EXPECT_EQ(Refused({"cronium_execute_tool_action", "t", "a", "[1]"}),
            "cronium_execute_tool_action: PARAMS must be a JSON object\n");
}

TEST_F(Commands, ToolActionThatFailedSaysWhy) {
  const RunResult result =
      Call({"cronium_execute_tool_action", "t", "a", "{}"},
           JsonResponse(200, R"({"success":false,"error":"no such\nchannel"})"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err, "cronium_execute_tool_action: no such channel\n");
}

TEST_F(Commands, SendEmail) {
  EXPECT_EQ(Sent({"cronium_send_email", "a@x, b@y", "S \"q\"", "line\nline", "--html", "--cc",
                  "c@z", "--bcc=d@z,e@z"})
                .body,
            R"({"tool":"email","action":"send_message","params":{"to":["a@x","b@y"],)"
            R"("subject":"S \"q\"","body":"line\nline","html":true,"cc":["c@z"],)"
            R"("bcc":["d@z","e@z"]}})");
  EXPECT_EQ(Sent({"cronium_send_email", "a@x", "-", "-"}, "report\n").body,
            R"({"tool":"email","action":"send_message","params":{"to":["a@x"],)"
            R"("subject":"-","body":"report"}})");
  EXPECT_EQ(Refused({"cronium_send_email", "a@x", "s", "b", "--attach"}),
            "cronium_send_email: there is no option --attach\n");
  EXPECT_EQ(Refused({"cronium_send_email", "a@x", "s", "b", "--cc"}),
            "cronium_send_email: --cc needs a value\n");
}

TEST_F(Commands, SendSlackMessage) {
  EXPECT_EQ(Sent({"cronium_send_slack_message", "#ops", "--- done ---", "--username", "bot",
                  "--icon-emoji", ":x:", "--icon-url", "http://i"})
                .body,
            R"({"tool":"slack","action":"send_message","params":{"channel":"#ops",)"
            R"("text":"--- done ---","username":"bot","icon_emoji":":x:","icon_url":"http://i"}})");
}

TEST_F(Commands, SendDiscordMessage) {
  EXPECT_EQ(Sent({"cronium_send_discord_message", "123", "hi", "--embed", R"({"title":"T"})"}).body,
            R"({"tool":"discord","action":"send_message","params":{"channelId":"123",)"
            R"("content":"hi","embeds":[{"title":"T"}]}})");
  EXPECT_EQ(Refused({"cronium_send_discord_message", "123", "hi", "--embed", "x"}),
            "cronium_send_discord_message: --embed must be a JSON object\n");
}

TEST_F(Commands, InfoNeverPrintsTheToken) {
  environment_["CRONIUM_JOB_ID"] = "job_xyz";
  environment_["CRONIUM_NAMESPACE"] = "default";
  const RunResult result = Call({"cronium_info"}, JsonResponse(200, R"({"status":"healthy"})"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(OnlyRequest().Line(), "GET /health");
  EXPECT_NE(result.out.find("API: unix:" + folder_.Path("api.sock") + " (reachable)\n"),
            std::string::npos);
  EXPECT_NE(result.out.find("Execution ID: exec_abc123\nJob ID: job_xyz\nNamespace: default\n"
                            "Token: set, not shown\n"),
            std::string::npos);
  EXPECT_EQ((result.out + result.err).find("header"), std::string::npos);
}

TEST_F(Commands, PrintTheirHelpWithoutAJob) {
  environment_.clear();
  for (const char* name :
       {"cronium_input", "cronium_output", "cronium_get_variable", "cronium_set_variable",
        "cronium_delete_variable", "cronium_variable_exists", "cronium_increment_variable",
        "cronium_append_variable", "cronium_set_condition", "cronium_event", "cronium_event_field",
        "cronium_execute_tool_action", "cronium_send_email", "cronium_send_slack_message",
        "cronium_send_discord_message", "cronium_info"}) {
    const RunResult result = RunProgram({kBin + name, "--help"}, {});
    EXPECT_EQ(result.exit_code, 0) << name;
    EXPECT_EQ(result.out.substr(0, 7 + std::string(name).size()), "Usage: "s + name);
    EXPECT_EQ(result.err, "");
  }
}

TEST_F(Commands, FailOutsideAJobWithOneClearLine) {
  const RunResult no_token = RunProgram({kBin + "cronium_input"}, {});
  EXPECT_EQ(no_token.exit_code, 1);
  EXPECT_EQ(no_token.out, "");
  EXPECT_EQ(no_token.err,
            "cronium_input: not inside a Cronium job: CRONIUM_EXECUTION_TOKEN is not set\n");
  const RunResult no_id = RunProgram({kBin + "cronium_info"}, {{"CRONIUM_EXECUTION_TOKEN", "t"}});
  EXPECT_EQ(no_id.exit_code, 1);
  EXPECT_EQ(no_id.err, "cronium_info: not inside a Cronium job: CRONIUM_EXECUTION_ID is not set\n");
}

TEST_F(Commands, NameTheSettingThatIsWrong) {
  environment_["CRONIUM_RETRY_FOR"] = "5m";
  EXPECT_EQ(Refused({"cronium_input"}),
            "cronium_input: CRONIUM_RETRY_FOR must be a number of seconds from 0 to 86400, not "
            "'5m'\n");
  environment_["CRONIUM_RETRY_FOR"] = "1";
  environment_["CRONIUM_EXECUTION_TOKEN"] = "a\r\nX-Evil: 1";
  EXPECT_EQ(Refused({"cronium_input"}),
            "cronium_input: CRONIUM_EXECUTION_TOKEN is garbled: it has blanks or control "
            "characters\n");
}

TEST_F(Commands, SayHowTheyAreUsed) {
  EXPECT_EQ(Refused({"cronium_get_variable"}),
            "cronium_get_variable: usage: cronium_get_variable KEY\n");
  EXPECT_EQ(Refused({"cronium_get_variable", "a", "b"}),
            "cronium_get_variable: usage: cronium_get_variable KEY\n");
  EXPECT_EQ(Refused({"cronium_set_variable", "a"}),
            "cronium_set_variable: usage: cronium_set_variable KEY VALUE\n");
}

TEST_F(Commands, CanBeCalledThroughTheProgramItself) {
  const std::string body = R"({"data":{"value":"v"}})";
  EXPECT_EQ(Printed({"cronium-helper", "get_variable", "k"}, body), "v\n");
  EXPECT_EQ(Printed({"cronium-helper", "cronium_get_variable", "k"}, body), "v\n");
  EXPECT_EQ(Refused({"cronium-helper", "frobnicate"}),
            "cronium-helper: there is no helper named frobnicate\n");
  const RunResult overview = RunProgram({kBin + "cronium-helper", "--help"}, {});
  EXPECT_EQ(overview.exit_code, 0);
  EXPECT_NE(overview.out.find("  cronium_event_field FIELD\n"), std::string::npos);
}

}  // namespace
}  // namespace cronium::gateway::helpers
