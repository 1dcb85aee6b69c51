// CGRect and its like are Foundation's here.
@_exported import Foundation
