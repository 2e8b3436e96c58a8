import unittest

from calico_localstack.control import Requests, Throttle


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


class ThrottleTest(unittest.TestCase):
    def test_hits_every_nth_request_for_data(self):
        throttle = Throttle()
        throttle.set(3)
        self.assertEqual([throttle.hits("dynamodb.PutItem") for _ in range(6)], [False, False, True] * 2)

    def test_leaves_everything_else_alone(self):
        throttle = Throttle()
        throttle.set(1)
        self.assertFalse(throttle.hits("dynamodb.CreateTable"))
        self.assertFalse(throttle.hits("sqs.SendMessage"))

    def test_can_be_ended(self):
        throttle = Throttle()
        self.assertFalse(throttle.hits("dynamodb.PutItem"))
        throttle.set(1)
        throttle.set(None)
        self.assertFalse(throttle.hits("dynamodb.PutItem"))
