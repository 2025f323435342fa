// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/smtp.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/json.h"
#include "controller/actions/json_object.h"
#include "controller/outbound/transfer_error.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxReply = 300;
// A greylisting server wants minutes; a busy one, less than this.
constexpr absl::Duration kRetryAfter = absl::Seconds(2);

bool MayPass(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == kOutboundConnectFailed || reason == kOutboundUnresolved ||
         reason == kOutboundConnectionLost;
}

class SmtpTransfer final : public Transfer {
 public:
  SmtpTransfer(MailJob mail, std::function<void(ActionResult)> done)
      : mail_(std::move(mail)), done_(std::move(done)) {}
  ~SmtpTransfer() override { curl_slist_free_all(recipients_); }

  absl::Status SetUp(void* curl) override {
    for (const std::string& recipient : mail_.recipients) {
      recipients_ = curl_slist_append(recipients_, absl::StrCat("<", recipient, ">").c_str());
    }
    const long ssl = mail_.starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE;  // NOLINT: curl's type
    curl_easy_setopt(curl, CURLOPT_URL, mail_.url.c_str());
    curl_easy_setopt(curl, CURLOPT_USE_SSL, ssl);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, absl::StrCat("<", mail_.sender, ">").c_str());
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients_);
    if (!mail_.user.empty()) {
      curl_easy_setopt(curl, CURLOPT_USERNAME, mail_.user.c_str());
      curl_easy_setopt(curl, CURLOPT_PASSWORD, mail_.password.c_str());
    }
    // curl repeats by itself what fails on a kept connection, and a mail must not be sent twice.
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail_.content.size()));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, &SmtpTransfer::OnRead);
    curl_easy_setopt(curl, CURLOPT_READDATA, this);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &SmtpTransfer::OnReply);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &SmtpTransfer::OnReply);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    return absl::OkStatus();
  }

  bool Finish(const TransferEnd& end) override {
    SmtpOutcome outcome;
    outcome.status = end.status;
    outcome.data_begun = data_begun_;
    outcome.reply = refusal_;
    long code = 0;  // NOLINT(runtime/int): curl's type
    if (end.curl != nullptr) curl_easy_getinfo(end.curl, CURLINFO_RESPONSE_CODE, &code);
    outcome.code = static_cast<int>(code);
    done_(ReadSmtpOutcome(outcome, mail_));
    return false;
  }

  std::string Target() const override { return mail_.target; }

 private:
  static size_t OnRead(char* buffer, size_t size, size_t count, void* self_pointer) {
    auto* self = static_cast<SmtpTransfer*>(self_pointer);
    self->data_begun_ = true;
    const size_t n = std::min(size * count, self->mail_.content.size() - self->sent_);
    memcpy(buffer, self->mail_.content.data() + self->sent_, n);
    self->sent_ += n;
    return n;
  }

  static size_t OnReply(char* data, size_t size, size_t count, void* self_pointer) {
    auto* self = static_cast<SmtpTransfer*>(self_pointer);
    const size_t n = size * count;
    // After a refusal curl says goodbye, and is answered.
    if (n > 0 && (data[0] == '4' || data[0] == '5')) {
      self->refusal_.assign(data, std::min(n, kMaxReply));
    }
    return n;
  }

  const MailJob mail_;
  const std::function<void(ActionResult)> done_;
  curl_slist* recipients_ = nullptr;
  size_t sent_ = 0;
  bool data_begun_ = false;
  std::string refusal_;
};

}  // namespace

ActionResult ReadSmtpOutcome(const SmtpOutcome& outcome, const MailJob& mail) {
  ActionResult result;
  result.status = outcome.code;
  if (outcome.status.ok()) {
    result.success = true;
    result.data_json = JsonObject()
                           .Text("message_id", absl::StrCat("<", mail.message_id, ">"))
                           .Number("recipients", static_cast<int64_t>(mail.recipients.size()))
                           .Build();
    return result;
  }
  const bool refused = outcome.code >= 400 && outcome.code < 600;
  if (refused) {
    result.code = "ACTION_REFUSED";
    const std::string reply =
        ToUtf8Lossy(absl::StripAsciiWhitespace(absl::string_view(outcome.reply)));
    result.error = absl::StrCat(
        mail.target, " refused the mail: ", reply.empty() ? absl::StrCat(outcome.code) : reply);
    if (outcome.code < 500 && !outcome.data_begun) result.retry_after = kRetryAfter;
    return result;
  }
  result.error = std::string(outcome.status.message());
  result.code = ErrorReason(outcome.status);
  if (result.code.empty()) result.code = "ACTION_FAILED";
  if (outcome.data_begun) {
    result.outcome_unknown = true;
    result.error = absl::StrCat(result.error,
                                ", after the mail went out and before the server "
                                "answered: it may have been delivered");
  } else if (MayPass(outcome.status)) {
    result.retry_after = absl::ZeroDuration();
  }
  return result;
}

std::unique_ptr<Transfer> MakeSmtpTransfer(MailJob mail, std::function<void(ActionResult)> done) {
  return std::make_unique<SmtpTransfer>(std::move(mail), std::move(done));
}

}  // namespace cronium::controller
