// SPDX-License-Identifier: Apache-2.0
// Values come back byte for byte, whatever JSON they are.
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/runtime-gateway/http/gateway_fixture.h"

namespace cronium::gateway {
namespace {

class FidelityTest : public GatewayFixture {
 protected:
  FidelityTest() {
    options_.rate_limit_per_minute = 0;
    Start();
    connection_ = std::make_unique<RawConnection>(UnixAddress());
  }

  RawReply Exchange(const std::string& method, const std::string& rest,
                    const std::string& body = "") {
    EXPECT_TRUE(connection_->Send(RequestText(method, Path(rest), {authorization_}, body)));
    return connection_->Read();
  }

  // Through a variable and through the output, in frames of different shapes.
  void ExpectKept(const std::string& json) {
    for (const std::string& body :
         {absl::StrCat("{\"value\":", json, "}"),
          absl::StrCat(" {\t\"value\" :\r\n ", json, " \n}\n"),
          absl::StrCat(R"({"ttl":[{"value":1}],"v\"alue":"}","value":)", json, R"(,"x":"\\"})"),
          absl::StrCat(R"({"\u0076al\u0075e":)", json, "}")}) {
      ASSERT_EQ(Exchange("PUT", "variables/v", body).status, 200) << body;
      ASSERT_EQ(service_->variable("v"), json);
      ASSERT_EQ(Exchange("GET", "variables/v").body,
                absl::StrCat(R"({"success":true,"data":{"key":"v","value":)", json, "}}"));
    }
    ASSERT_EQ(Exchange("POST", "output", absl::StrCat("{\"data\":", json, "}")).status, 200);
    ASSERT_EQ(service_->output(), json);
    service_->SetInput(json);
    ASSERT_EQ(Exchange("GET", "input").body, absl::StrCat(R"({"success":true,"data":)", json, "}"));
  }

  const std::string authorization_ = Bearer(Token());
  std::unique_ptr<RawConnection> connection_;
};

TEST_F(FidelityTest, ValuesThatOthersMistakeForNone) {
  for (const char* json :
       {"false", "0", "\"\"", "null", "[]", "{}", "-0", "0.0", "\" \"", "\"null\""}) {
    ExpectKept(json);
  }
}

TEST_F(FidelityTest, NumbersKeepEveryDigit) {
  for (const char* json :
       {"9223372036854775807", "-9223372036854775808", "18446744073709551615", "9007199254740993",
        "123456789012345678901234567890", "0.10000000000000001", "1.7976931348623157e308", "5e-324",
        "4.9406564584124654E-324", "1.0", "1.50", "1E+2", "1e2", "100", "-0.0", "1e-400"}) {
    ExpectKept(json);
  }
}

TEST_F(FidelityTest, StringsKeepTheirEscapes) {
  for (const char* json :
       {R"("\u00e9")", "\"\xC3\xA9\"", R"("\ud83d\ude00")", "\"\xF0\x9F\x98\x80\"",
        R"("\"\\\/\b\f\n\r\t")", R"("\u0000")", R"("}{][,:")", R"("\\\\\"")", R"("a\\")",
        "\"\xE2\x80\xA8\"", "\"</script>\"", "\"\x7F\""}) {
    ExpectKept(json);
  }
}

TEST_F(FidelityTest, ObjectsKeepTheirOrderTheirSpacesAndTheirRepeats) {
  for (const char* json : {R"({"b":1,"a":2})", "{ \"b\" : 1 ,\n\t\"a\":[ 1,2 , 3 ] }",
                           R"({"a":1,"a":2})", R"({"":{"":[]}})", R"([[[]],{},[{}]])"}) {
    ExpectKept(json);
  }
}

TEST_F(FidelityTest, DeepNestingIsKept) {
  // The frame is one level of the 512.
  ExpectKept(std::string(511, '[') + std::string(511, ']'));
  std::string objects = "1";
  for (int i = 0; i < 500; ++i) objects = absl::StrCat("{\"k\":", objects, "}");
  ExpectKept(objects);
}

// Random JSON text, with random spaces and ways to write it.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string Value(int depth) {
    switch (Below(depth > 0 ? 7 : 5)) {
      case 0:
        return Pick({"null", "true", "false"});
      case 1:
      case 2:
        return Number();
      case 3:
      case 4:
        return String();
      case 5:
        return List('[', ']', depth, false);
      default:
        return List('{', '}', depth, true);
    }
  }

 private:
  unsigned Below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  std::string Pick(const std::vector<std::string>& choices) {
    return choices[Below(static_cast<unsigned>(choices.size()))];
  }
  std::string Space() { return Pick({"", "", "", " ", "\t", "\n ", "\r\n"}); }

  std::string Digits() {
    std::string digits;
    for (unsigned i = 0, n = 1 + Below(20); i < n; ++i)
      digits += static_cast<char>('0' + Below(10));
    return digits;
  }

  std::string Number() {
    std::string number = Pick({"", "-"});
    number += Below(3) == 0 ? "0" : absl::StrCat(1 + Below(9), Digits());
    if (Below(2) == 0) number += "." + Digits();
    if (Below(3) == 0) number += absl::StrCat(Pick({"e", "E", "e+", "E-", "e-"}), Below(200));
    return number;
  }

  std::string String() {
    std::string text = "\"";
    for (unsigned i = 0, n = Below(12); i < n; ++i) {
      text += Pick({"a", "Z", " ", "{", "}", "[", "]", ",", ":", R"(\")", R"(\\)", R"(\/)", R"(\n)",
                    R"(\u0041)", R"(\u00E9)", R"(\ud83D\uDe00)", "\xC3\xA9", "\xE2\x82\xAC",
                    "\xF0\x9F\x98\x80"});
    }
    return text + "\"";
  }

  std::string List(char open, char close, int depth, bool keyed) {
    std::string text(1, open);
    for (unsigned i = 0, n = Below(5); i < n; ++i) {
      absl::StrAppend(&text, i == 0 ? "" : ",", Space());
      if (keyed) absl::StrAppend(&text, String(), Space(), ":", Space());
      absl::StrAppend(&text, Value(depth - 1), Space());
    }
    return text + close;
  }

  std::mt19937 random_;
};

TEST_F(FidelityTest, RandomValuesAreKept) {
  for (unsigned seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    ExpectKept(Generator(seed).Value(6));
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cronium::gateway
