import unittest

from calico_localstack.control import Requests


class RequestsTest(unittest.TestCase):
    def test_counts_requests_and_their_entries(self):
        requests = Requests()
        requests.add("sqs.SendMessageBatch", {"Entries": [{}, {}, {}]})
        requests.add("sqs.SendMessageBatch", {"Entries": [{}]})
        requests.add("dynamodb.BatchWriteItem", {"RequestItems": {"a": [{}, {}], "b": [{}]}})
        requests.add("s3.PutObject", {"Key": "k"})
        expected = {
            "dynamodb.BatchWriteItem": 1,
            "dynamodb.BatchWriteItem#items": 3,
            "s3.PutObject": 1,
            "sqs.SendMessageBatch": 2,
            "sqs.SendMessageBatch#items": 4,
        }
        self.assertEqual(requests.counts(), expected)
        requests.reset()
        self.assertEqual(requests.counts(), {})
