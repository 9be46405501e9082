resource "aws_iam_role" "this" {
  name                 = var.role_name
  description          = "Assumed by bedrock-batch-exporter to list batch inference jobs."
  assume_role_policy   = local.trust_policy
  max_session_duration = 3600
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "list-batch-inference-jobs"
  role   = aws_iam_role.this.id
  policy = local.member_policy
}
