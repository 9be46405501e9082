# What `bedrock-batch-exporter iam-policy member` and `iam-policy trust` print; a test holds them equal.

locals {
  member_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ListBatchInferenceJobs"
        Effect   = "Allow"
        Action   = ["bedrock:ListModelInvocationJobs"]
        Resource = "*"
      },
      {
        Sid      = "ListEnabledRegions"
        Effect   = "Allow"
        Action   = ["account:ListRegions"]
        Resource = "*"
      },
    ]
  })

  trust_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      merge(
        {
          Sid       = "AssumedByTheExporter"
          Effect    = "Allow"
          Principal = { AWS = var.principal_arn }
          Action    = "sts:AssumeRole"
        },
        var.external_id == null ? {} : { Condition = { StringEquals = { "sts:ExternalId" = var.external_id } } },
      ),
    ]
  })
}
