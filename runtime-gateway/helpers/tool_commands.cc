// SPDX-License-Identifier: Apache-2.0
// What the controller does on a script's behalf, with credentials that never enter the container.
#include <initializer_list>
#include <optional>
#include <string>

#include "runtime-gateway/helpers/command.h"
#include "runtime-gateway/helpers/json.h"
#include "runtime-gateway/helpers/text.h"
#include "runtime-gateway/helpers/value.h"

namespace cronium::gateway::helpers {
namespace {

Outcome Execute(ApiClient* api, std::string_view tool, std::string_view action,
                const std::string& params) {
  if (!IsUtf8(tool) || !IsUtf8(action)) return Failure("TOOL and ACTION must be text in UTF-8");
  const ApiResult result = api->Call({.method = "POST",
                                      .path = "/tool-actions/execute",
                                      .body = "{\"tool\":" + EncodeJsonString(tool) +
                                              ",\"action\":" + EncodeJsonString(action) +
                                              ",\"params\":" + params + "}"});
  if (!result.error.empty()) return Failure(result.error);
  if (FindJson(result.body, {"success"}) == "false") {
    const std::optional<std::string_view> raw = FindJson(result.body, {"error"});
    const std::string error = raw ? DecodeJsonString(*raw).value_or(std::string(*raw)) : "";
    return Failure(error.empty() ? "the action failed" : OneLine(error));
  }
  if (FindJson(result.body, {"data"}) == "null") return Success();
  return PrintMember(result, {"data"});
}

Outcome ExecuteToolAction(ApiClient* api, const Arguments& arguments) {
  std::string params;
  const std::string error = ReadArgument(arguments[2], &params);
  if (!error.empty()) return Failure(error);
  if (!IsJsonObject(params)) return Failure("PARAMS must be a JSON object");
  return Execute(api, arguments[0], arguments[1], params);
}

// The parameters of a message: a JSON object that grows.
class Params {
 public:
  void Text(const char* name, std::string_view argument) {
    if (!IsUtf8(argument)) error_ = std::string(name) + " is not text in UTF-8";
    Raw(name, EncodeJsonString(argument));
  }

  // The same, but "-" is read from standard input.
  void TextOrInput(const char* name, std::string_view argument) {
    std::string json;
    std::string error = ReadText(argument, &json);
    if (!error.empty()) error_ = std::string(name) + ": " + error;
    Raw(name, json);
  }

  // Parts between commas as an array.
  void List(const char* name, std::string_view argument) {
    if (!IsUtf8(argument)) error_ = std::string(name) + " is not text in UTF-8";
    std::string json;
    for (const std::string_view part : SplitList(argument)) {
      json += (json.empty() ? "" : ",") + EncodeJsonString(part);
    }
    Raw(name, "[" + json + "]");
  }

  void Raw(const char* name, const std::string& json) {
    members_ += (members_.empty() ? "" : ",") + EncodeJsonString(name) + ":" + json;
  }

  void Fail(std::string error) { error_ = std::move(error); }

  Outcome Send(ApiClient* api, const char* tool) const {
    if (!error_.empty()) return Failure(error_);
    return Execute(api, tool, "send_message", "{" + members_ + "}");
  }

 private:
  std::string members_;
  std::string error_;
};

struct Option {
  const char* name;
  bool has_value;
  void (*apply)(Params* params, std::string_view value);
};

// The options after `positional` arguments, as --name value or --name=value. What comes before is
// never taken for one, so a text may begin with dashes.
void ApplyOptions(const Arguments& arguments, size_t positional,
                  std::initializer_list<Option> options, Params* params) {
  for (size_t i = positional; i < arguments.size(); ++i) {
    const size_t equals = arguments[i].find('=');
    const std::string_view name = arguments[i].substr(0, equals);
    const Option* found = nullptr;
    for (const Option& option : options) {
      if (name == option.name) found = &option;
    }
    if (found == nullptr || (!found->has_value && equals != std::string_view::npos)) {
      params->Fail("there is no option " + OneLine(arguments[i]));
    } else if (!found->has_value) {
      found->apply(params, "");
    } else if (equals != std::string_view::npos) {
      found->apply(params, arguments[i].substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      found->apply(params, arguments[++i]);
    } else {
      params->Fail(std::string(name) + " needs a value");
    }
  }
}

Outcome SendEmail(ApiClient* api, const Arguments& arguments) {
  Params params;
  params.List("to", arguments[0]);
  params.Text("subject", arguments[1]);
  params.TextOrInput("body", arguments[2]);
  ApplyOptions(arguments, 3,
               {{"--cc", true, [](Params* p, std::string_view v) { p->List("cc", v); }},
                {"--bcc", true, [](Params* p, std::string_view v) { p->List("bcc", v); }},
                {"--html", false, [](Params* p, std::string_view v) { p->Raw("html", "true"); }}},
               &params);
  return params.Send(api, "email");
}

Outcome SendSlackMessage(ApiClient* api, const Arguments& arguments) {
  Params params;
  params.Text("channel", arguments[0]);
  params.TextOrInput("text", arguments[1]);
  ApplyOptions(
      arguments, 2,
      {{"--username", true, [](Params* p, std::string_view v) { p->Text("username", v); }},
       {"--icon-emoji", true, [](Params* p, std::string_view v) { p->Text("icon_emoji", v); }},
       {"--icon-url", true, [](Params* p, std::string_view v) { p->Text("icon_url", v); }}},
      &params);
  return params.Send(api, "slack");
}

Outcome SendDiscordMessage(ApiClient* api, const Arguments& arguments) {
  Params params;
  params.Text("channelId", arguments[0]);
  params.TextOrInput("content", arguments[1]);
  ApplyOptions(arguments, 2,
               {{"--embed", true,
                 [](Params* p, std::string_view v) {
                   if (!IsJsonObject(v)) p->Fail("--embed must be a JSON object");
                   p->Raw("embeds", "[" + std::string(v) + "]");
                 }}},
               &params);
  return params.Send(api, "discord");
}

}  // namespace

std::vector<Command> ToolCommands() {
  return {
      {"cronium_execute_tool_action", "TOOL ACTION PARAMS",
       "Has the controller execute an action of a tool, and prints its result. PARAMS is a JSON\n"
       "object, or - to read it from standard input.\n",
       3, 3, ExecuteToolAction},
      {"cronium_send_email", "TO SUBJECT BODY [--cc ADDRESSES] [--bcc ADDRESSES] [--html]",
       "Sends an email. Addresses are separated by commas; BODY - reads standard input; with "
       "--html\n"
       "the body is HTML.\n",
       3, kManyArguments, SendEmail},
      {"cronium_send_slack_message",
       "CHANNEL TEXT [--username NAME] [--icon-emoji EMOJI] [--icon-url URL]",
       "Sends a message to a Slack channel. TEXT - reads standard input.\n", 2, kManyArguments,
       SendSlackMessage},
      {"cronium_send_discord_message", "CHANNEL_ID TEXT [--embed JSON]",
       "Sends a message to a Discord channel. TEXT - reads standard input.\n", 2, kManyArguments,
       SendDiscordMessage},
  };
}

}  // namespace cronium::gateway::helpers
